"""Watching the team: the log of its actions, and its figures."""
