"""Watching the team: the log of its actions, its figures, alerts."""
