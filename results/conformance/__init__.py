"""What every view must satisfy, as checks."""
