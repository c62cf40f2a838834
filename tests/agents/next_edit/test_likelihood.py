"""How likely a change belongs at another place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.next_edit.likelihood import EVIDENCE, FIRST, KINDS, LATER, Agreement, estimate_log_odds, list_evidence
from agents.next_edit.surroundings import Agreed

ONE = Agreement(
    kind="words",
    around=Agreed(3, 3, 3),
    old_text="t.Dict[str, t.Any]",
    new_text="dict[str, t.Any]",
    places=4,
    rivals=1,
    is_beaten=False,
    is_same_text=True,
    is_lines=False,
    edits=1,
)


def test_each_kind_has_a_weight_for_each_piece_of_evidence() -> None:
    for weights in (FIRST, LATER):
        assert set(weights) == set(KINDS)
        assert {len(each) for each in weights.values()} == {len(EVIDENCE)}
    assert len(list_evidence(ONE)) == len(EVIDENCE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_agrees_further_is_more_likely(kind: str) -> None:
    near = replace(ONE, kind=kind, around=Agreed(1, 1, 0))
    far = replace(ONE, kind=kind, around=Agreed(6, 6, 6))
    assert estimate_log_odds(far) > estimate_log_odds(near)


def test_a_text_that_stands_at_many_places_is_less_likely_at_each() -> None:
    assert estimate_log_odds(replace(ONE, places=80, rivals=70)) < estimate_log_odds(ONE)
