"""Texts for agents about calls that were cut short."""

from __future__ import annotations

import pytest

from agents.ports.request_outcomes import RequestOutcome
from agents.team.lost_results import ENDED, LostResults
from agents.team.transcript import INTERRUPTED


@pytest.mark.parametrize(
    ("outcome", "edits", "reason", "told"),
    [
        ("applied", True, "", f"{ENDED} The edit was made; do not make it again.]"),
        ("applied", True, "Left out: a.py.", f"{ENDED} The edit was made; do not make it again. Left out: a.py.]"),
        ("applied", False, "", INTERRUPTED),  # permitted: whether it ran to its end is not known
        ("expired", True, "Nobody answered.", f"{ENDED} Nothing was done. Nobody answered.]"),
        ("rejected", False, "The person said no.", f"{ENDED} Nothing was done. The person said no.]"),
        ("failed", True, "Look at the files.", f"{ENDED} Look at the files.]"),
        ("", True, "", INTERRUPTED),
    ],
)
def test_what_the_record_says_stands_for_the_result(outcome: str, edits: bool, reason: str, told: str) -> None:  # noqa: FBT001
    lost = LostResults([RequestOutcome("c1", 10.0, outcome, edits, reason)])
    assert lost.describe("c1", 9.0) == told
    assert lost.describe("c2", 9.0) == INTERRUPTED
    assert lost.describe("c1", 11.0) == INTERRUPTED, "it belongs to an earlier call with the same id"
