"""Runs what is missing of a plan."""
