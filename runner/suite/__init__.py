"""Suite files, and the plan of trials that a suite asks for."""
