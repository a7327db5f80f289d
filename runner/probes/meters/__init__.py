"""What probes measure with: operations, memory and time."""
