"""The rules of resolution for each language: a module with `RULES` for each."""
