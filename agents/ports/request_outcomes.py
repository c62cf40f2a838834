"""Outcomes of a session's requests to a person, by which an agent learns what became of a call that was cut short.

Start at `RequestOutcome`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """The outcome of one request, as recorded.

    Attributes:
        call: the model's id of the call that made the request.
        at: when the request was made, seconds since the epoch.
        outcome: the record's word: "applied", "partly", "rejected", "expired", "refused" or "failed"; "" for none yet.
        edits: whether the request was about an edit; else it was a call, for which "applied" means permitted.
        reason: why it was not applied, a sentence; "" if it was.
    """

    call: str
    at: float
    outcome: str
    edits: bool
    reason: str


FindOutcomes = Callable[[str], Sequence[RequestOutcome]]
"""Returns the outcomes of the requests of a session, newest first; blocking, and raises `StateError`."""
