"""Ruff for Python: its process, its settings, and which of its findings and fixes are taken."""
