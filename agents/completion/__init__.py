"""Completion: from a cursor to suggestions. It never writes a file and never sees an LSP type.

Start at `agents.completion.generator.Generator`.
"""
