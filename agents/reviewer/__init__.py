"""The reviewer: turns a text into findings, through layers that each work alone. Start at `reviewer.py`."""
