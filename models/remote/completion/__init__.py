"""Completion models at an address: which dialect the server takes, the request, and a local fallback.

Start at `discovery.connect_to_server` for a person's server, at `remote_completion.RemoteModel` for our own host.
"""
