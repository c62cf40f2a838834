"""What resolution has to know about each language: a module with `RULES` for each."""
