"""A trial, the key that identifies it, and its measurement."""
