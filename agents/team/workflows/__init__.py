"""Workflows: fixed orders of steps for the team, as TOML files, and their runner."""
