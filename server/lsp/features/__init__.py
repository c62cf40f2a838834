"""Handlers of LSP methods, one module for each, named after the method: convert in, one core call, convert out.

A notification's handler gets the mutable `Session`, a request's handler an immutable `Snapshot` and a service.
`server.lsp.language_server` holds the table that registers them.
"""
