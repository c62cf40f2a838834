"""The tour of `make run`: a language client that shows completions in a real workspace.

Uses the server only through the protocol. Start at `server.cli.tour.tour`.
"""
