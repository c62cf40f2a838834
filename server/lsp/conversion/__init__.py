"""Conversion between LSP's types and the project's records: positions, texts, findings, actions and edits."""
