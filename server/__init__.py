"""The language server: its LSP edge, the gate, the state, the composition root and the command line.

Holds no domain rule. Start at `server.lsp.language_server`.
"""
