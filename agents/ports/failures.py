"""The error of everything that keeps records: the state could not be read or written. Start at `StateError`."""

from __future__ import annotations


class StateError(Exception):
    """The state cannot be read or written; the message is a sentence for a person: what happened, then what to do."""
