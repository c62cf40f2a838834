"""The LSP edge: the only folder that imports pygls and lsprotocol."""
