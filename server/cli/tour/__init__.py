"""The demonstration behind `make run`: a real language client that shows completions in a real workspace.

Knows nothing of the server but the protocol. Start at `server.cli.tour.tour`.
"""
