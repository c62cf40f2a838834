"""Talking to the team on the command line: `starling ask`, `do`, `sessions` and `roles`."""
