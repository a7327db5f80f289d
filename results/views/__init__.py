"""What a report shows, one measured thing a file: its table, its figure, its sentences."""
