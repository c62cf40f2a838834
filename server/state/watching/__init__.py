"""The figures of the team."""
