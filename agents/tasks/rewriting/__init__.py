"""Rewrites by a chat model: from its answer to edits of the document."""
