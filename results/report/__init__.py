"""The report of a run: as a page, on the terminal, and as the files of its tables and figures."""
