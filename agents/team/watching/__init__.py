"""A watcher of the team, and what it is told."""
