"""The exception that ends a proposal, with one sentence for a person. Start at `Refused`."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A rule forbids the proposal; the message says which rule, and the next step."""


class Unchanged(Refused):
    """The files already hold what was proposed."""
