"""Measures installed models of real size, each beside the raw engine with the same weights.

Runs are long, so they can be cut into short ones: each answer is kept on disk (`answers`), and a table is made from
the answers that are there. Start at `lines`.
"""
