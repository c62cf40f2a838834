"""How docstrings and type hints are written, by language and by what the code shows."""
