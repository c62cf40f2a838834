"""Test coverage, read from the data that a workspace's own tools have written."""
