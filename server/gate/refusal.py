"""Why a proposal goes no further, as an exception with one sentence for a person. Start at `Refused`."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 (it is no error of the program, but an answer)
    """A rule forbids it; the message says which one, and the next step."""


class Unchanged(Refused):
    """What it proposes is there already."""
