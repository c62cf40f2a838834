"""Workspace in, ranked context out: languages, chunks, symbols, store, search, recall, watching.

Imports nothing from `models/` and never sees an LSP type. Start at `indexing.index`.
"""
