"""Ports to completion, chat and embedding models, and the backends that implement them.

Knows of no workspace, no index and no LSP. Start at `models.completion`.
"""
