"""What is registered: descriptions, examples, costs, new plug-ins and their checks."""
