"""A language server and agents of another process on one workspace: texts of open documents, and approved changes.

An agent's process (`server.acp`) finds the language servers (`server.lsp`) of this user that serve its workspace. Each
side proves to the other that it can read the same private file.
"""
