"""Meanings of names: a table of the names of each file, followed across imports, types and base classes."""
