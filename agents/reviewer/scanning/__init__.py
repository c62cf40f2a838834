"""Parsed code as rules look at it: nodes with roles, metrics, and when two texts are the same."""
