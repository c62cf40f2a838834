"""Tasks: code that a person can have written by a model, one module a task, listed in `task_registry`.

Start at `task.Task`.
"""
