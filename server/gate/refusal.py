"""The exceptions that end a proposal because it breaks a rule. Start at `Refused`."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 (an answer, not an error of the program)
    """The gate refuses a proposal; the message tells a person which rule it breaks, and the next step."""


class Unchanged(Refused):
    """The gate refuses a proposal because the files already hold the proposed texts."""
