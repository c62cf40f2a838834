"""Extraction of a function from a Python function: which lines can move, with which parameters and results."""
