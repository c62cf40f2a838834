"""A part of a Python function, split off by syntax: which lines can move, and with which parameters and results."""
