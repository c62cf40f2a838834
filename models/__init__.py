"""Text in, tokens out: the ports to completion, chat and embedding models, and what implements them.

Knows of no workspace, no index and no LSP. Start at `models.completion`.
"""
