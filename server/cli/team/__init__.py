"""Talking to the team on the command line: `starling ask`, `starling do` and `starling sessions`."""
