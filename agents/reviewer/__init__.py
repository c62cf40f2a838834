"""The reviewer: from a text to findings, by layers that each work alone.

Start at `reviewer.py`.
"""
