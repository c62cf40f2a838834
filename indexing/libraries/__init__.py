"""Installed libraries of a workspace: where they are, which of them matter, and their shared index."""
