"""Training of a mechanism on a task."""
