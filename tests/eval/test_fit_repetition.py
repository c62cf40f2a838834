"""The fit of the weights by which an edit is repeated: which places are right, and what is learned from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.next_edit.likelihood import EVIDENCE, KINDS
from tests.eval import fit_repetition
from tests.eval.test_next_edits import read

if TYPE_CHECKING:
    from pathlib import Path

LINES = [f"{name} = load_text(path, {name}_size)\n" for name in ("one", "two", "three", "four")]


def test_places_that_the_commit_changes_are_right_and_others_are_wrong(tmp_path: Path) -> None:
    before = "".join(LINES)
    after = "".join(line.replace("load_text", "load_bytes") for line in LINES[:3]) + LINES[3]
    (commit,) = read(tmp_path, before.replace("\n", "\n\n"), after.replace("\n", "\n\n"))
    places = fit_repetition.list_places(commit, commit.hunks[:1])
    assert [place.right for place in places] == [True, True, False]
    assert all(place.agreement.edits == 1 for place in places)
    both = fit_repetition.list_places(commit, commit.hunks[:2])
    assert {place.agreement.edits for place in both} == {1, 2}


def test_evidence_for_right_places_gets_more_weight(tmp_path: Path) -> None:
    lines = [line + "\n" for line in LINES]
    changed = [line.replace("load_text", "load_bytes") for line in lines]
    (commit,) = read(tmp_path, "".join(lines), "".join([*changed[:3], lines[3]]))
    requests = [fit_repetition.Request(False, 1, tuple(fit_repetition.list_places(commit, commit.hunks[:1])))]
    weights = fit_repetition.fit_weights(requests)
    assert set(weights) == set(KINDS)
    assert {len(each) for each in weights.values()} == {len(EVIDENCE)}
    ((odds, place),) = fit_repetition.choose_likeliest(requests, weights)
    assert place.right
    assert odds > 0


def test_places_are_told_apart_by_how_many_edits_made_the_change(tmp_path: Path) -> None:
    lines = [line + "\n" for line in LINES]
    (commit,) = read(tmp_path, "".join(lines), "".join(line.replace("load_text", "load_bytes") for line in lines))
    requests = [fit_repetition.Request(False, 2, tuple(fit_repetition.list_places(commit, commit.hunks[:2])))]
    (several,) = fit_repetition.select(requests, several=True)
    assert {place.agreement.edits for place in several.places} == {2}
    assert len(several.places) < len(requests[0].places)
    assert fit_repetition.select(requests, several=False) == []
