"""Calls whose results were not recorded, because the program ended before: what the records still know of each.

Start at `LostResults.describe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.transcript import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.request_outcomes import RequestOutcome

ENDED = "[The program ended before the result of this call was recorded."


@dataclass(frozen=True, slots=True)
class LostResults:
    """The outcomes of a session's requests, newest first."""

    outcomes: Sequence[RequestOutcome]

    def describe(self, call: str, at: float) -> str:
        """Return the text in place of the result of the call with the id `call`, which was recorded at the time `at`.

        Says what a person answered, and whether an edit was made. `INTERRUPTED` if nothing is known, or if
        a person allowed a call that is no edit: it may have run.
        """
        found = next((one for one in self.outcomes if one.call == call and one.at >= at and one.outcome), None)
        if found is None or (found.outcome == "applied" and not found.edits):
            return INTERRUPTED
        became = {
            "applied": f"The edit was made; do not make it again. {found.reason}".rstrip(),
            "partly": found.reason,
            "failed": found.reason,
        }.get(found.outcome, f"Nothing was done. {found.reason}".rstrip())
        return f"{ENDED} {became}]"
