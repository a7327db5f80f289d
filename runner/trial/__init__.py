"""One trial: what it is, the key that identifies it, and its measurement."""
