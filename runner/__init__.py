"""Runs suites: suite -> plan -> trials -> outcomes. It is the only package that imports the others."""
