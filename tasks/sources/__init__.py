"""Where tasks draw their texts from: grammars, lexicons, stories. They know nothing of registered tasks."""
