"""The language server: the only folder that imports pygls or lsprotocol, and the composition root.

Holds no domain rule. Start at `server.lsp.language_server`.
"""
