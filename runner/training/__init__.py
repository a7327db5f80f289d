"""Training: from a task and a mechanism to a trained network."""
