"""Runs the missing trials of a plan."""
