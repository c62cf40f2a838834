"""Completion: suggestions of code at a cursor. Never writes a file and never uses an LSP type.

Start at `agents.completion.generator.Generator`.
"""
