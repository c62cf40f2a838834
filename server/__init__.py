"""The language server: its LSP edge, the gate, the persistent state, the composition root and the command line.

Has no rules of its own about code; those are in `agents` and `indexing`. Start at `server.lsp.language_server`.
"""
