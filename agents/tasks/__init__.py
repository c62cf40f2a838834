"""What the generator writes when a person asks: one module a task, listed in `task_registry`. Start at `task.Task`."""
