"""The kinds of steps of a workflow: one module each."""
