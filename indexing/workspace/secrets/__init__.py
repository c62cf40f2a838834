"""Secrets in names and texts of files."""
