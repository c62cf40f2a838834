"""The origin of a request to the gate: its session, the call in it, the request that is asked again. See `Origin`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The place that a request to the gate comes from.

    Attributes:
        session: id of the session with the team, "" for none.
        call: the model's id of the tool call, "" for none.
        again: id of the unanswered request that this one asks again, "" for none.
    """

    session: str = ""
    call: str = ""
    again: str = ""


NO_ORIGIN = Origin()
