"""The figures of the team, and alerts about it."""
