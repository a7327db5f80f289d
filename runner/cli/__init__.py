"""The command line: the commands, their tables and the progress display."""
