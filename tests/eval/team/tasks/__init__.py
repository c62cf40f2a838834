"""The tasks, a module for each kind."""
