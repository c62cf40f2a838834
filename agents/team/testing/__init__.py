"""Runs of a workspace's tests for the team: the reports that test programs write, and results read from these."""
