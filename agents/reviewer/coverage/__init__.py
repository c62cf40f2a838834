"""Test coverage, read from what a workspace's own tools have left."""
