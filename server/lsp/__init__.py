"""The language server's LSP edge: the only folder that imports pygls and lsprotocol."""
