"""What is kept of a run: its rows, the file that holds them, and how they are read back. Cheap to import."""
