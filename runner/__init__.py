"""Runs suites: suite -> plan -> trials -> outcomes. The only package that imports the others."""
