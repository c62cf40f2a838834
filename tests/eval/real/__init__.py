"""Measurements of installed models of real size, each compared with the engine alone with the same weights.

Runs are long, so they can be split into short ones: each answer is stored on disk (`answers`), and a table is made from
the stored answers. Start at `lines`.
"""
