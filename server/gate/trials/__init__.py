"""Runs of a workspace's tests, and trials of changes on a copy before they are proposed."""
