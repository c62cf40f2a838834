"""One file for each LSP method we handle, named after it: convert in, one core call, convert out.

A handler of a notification takes the mutable `Session`, one of a request a frozen `Snapshot`.
`server.lsp.language_server` holds the table that registers them.
"""
