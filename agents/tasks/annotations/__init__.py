"""Styles and evidence for docstrings and type hints, by language."""
