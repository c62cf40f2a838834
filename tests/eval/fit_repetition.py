"""Fit of the weights by which an edit is repeated (`agents/next_edit/likelihood.py`).

`python -m tests.eval.fit_repetition CLONE...` prints the weights, and for some thresholds after how many of the commits
with a single hunk something would be proposed, and how often the most likely place in the other commits is right. After
the first hunk of a group, each place where one of its changes could be repeated is right or wrong, as in
`tests.eval.next_edits`; after the only hunk of a commit all are wrong. The second set of weights is for changes that
two or four hunks of a group have made.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from agents.next_edit import likelihood, repetition
from agents.next_edit.changed_tokens import list_changes
from agents.next_edit.history import EditHistory
from agents.next_edit.repetition import find_repeatable, join_repeatable, list_repetitions
from tests.eval import next_edits
from tests.eval.commit_hunks import group_hunks, read_commits, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.next_edit.likelihood import Agreement
    from agents.next_edit.next_edits import Candidate
    from agents.next_edit.repetition import Repeatable
    from tests.eval.commit_hunks import Commit, Hunk

SINGLE = 800  # newest commits of a package whose single hunks are used
PLACES = 400  # after one given hunk
GIVEN = (1, 2, 4)  # hunks
OWN = frozenset({"one", "left", "right", "least", "words", "old_length", "old_words", "places", "rivals", "beaten"})
RIDGE = 1.0
STEPS = 40
THRESHOLDS = (1.25, 1.0, 0.75, 0.5, 0.25, 0.0, -0.5, -1.0)

Difference = tuple[int, int, int, int]


@dataclass(frozen=True)
class Place:
    """A place where a change could be repeated, and whether that is right."""

    agreement: Agreement
    evidence: tuple[float, ...]
    right: bool


@dataclass(frozen=True)
class Request:
    """The places after `given` hunks; `single` after the only one of a commit."""

    single: bool
    given: int
    places: tuple[Place, ...]


def collect(clone: Path) -> Iterator[Request]:
    """Yield the requests on the newest commits of `clone`."""
    for commit in read_commits(clone, next_edits.COMMITS):
        for group in group_hunks(commit)[: next_edits.GROUPS]:
            for count in GIVEN:
                if len(group.hunks) > count:
                    yield Request(False, count, tuple(list_places(commit, group.hunks[:count])))
    for commit in read_commits(clone, SINGLE):
        if len(commit.hunks) == 1:
            yield Request(True, 1, tuple(list_places(commit, commit.hunks)))


def list_places(commit: Commit, given: Sequence[Hunk]) -> list[Place]:
    """Return the places where a change of the hunks `given` could be repeated."""
    texts, history = dict(commit.before), EditHistory()
    for hunk in sorted(given, key=lambda one: (one.path, -one.start)):
        old, new = split_lines(texts[hunk.path]), split_lines(commit.after[hunk.path])
        after = "".join([*old[: hunk.start], *new[hunk.new_start : hunk.new_end], *old[hunk.end :]])
        history.note_change(hunk.path, texts[hunk.path], after)
        texts[hunk.path] = after
    differences = {
        path: list(next_edits.list_differences(split_lines(text), split_lines(commit.after[path])))
        for path, text in texts.items()
    }
    found: list[Place] = []
    changes = (
        list(find_repeatable(list_changes(edit, texts[edit.uri]), edit.uri, texts[edit.uri]))
        for edit in history.list_recent(1e9)
    )
    for one in join_repeatable(changes):
        for path, text in texts.items():
            for agreement, candidate in list_agreements(one, path, text):
                right = is_right(text, commit.after[path], candidate, differences[path])
                found.append(Place(agreement, likelihood.list_evidence(agreement), right))
        if len(found) >= PLACES:
            break
    return found[:PLACES]


def list_agreements(one: Repeatable, path: str, text: str) -> Iterator[tuple[Agreement, Candidate]]:
    """Yield the agreement of each place for `one` in `text`, however unlikely, and its candidate."""
    seen: list[Agreement] = []

    def number(agreement: Agreement) -> float:
        """Note `agreement`, and return its number as if that were its log-odds."""
        seen.append(agreement)
        return float(len(seen) - 1)

    with mock.patch.object(repetition, "estimate_log_odds", number):
        for each in list_repetitions(one, path, text, -1.0):
            yield seen[int(each.log_odds)], each.candidate


def is_right(text: str, target: str, candidate: Candidate, differences: Sequence[Difference]) -> bool:
    """Return whether `candidate` is right in `text`, judged by the lines near it alone."""
    first, last = text.count("\n", 0, candidate.start), text.count("\n", 0, candidate.end) + 1
    near = [one for one in differences if one[0] <= last and first <= one[1]]
    if not near:
        return False
    low, high = min(first, near[0][0]), max(last, near[-1][1])
    new_low, new_high = near[0][2] - (near[0][0] - low), near[-1][3] + (high - near[-1][1])
    lines = split_lines(text)
    offset = sum(map(len, lines[:low]))
    old, new = "".join(lines[low:high]), "".join(split_lines(target)[new_low:new_high])
    moved = replace(candidate, start=candidate.start - offset, end=candidate.end - offset)
    return next_edits.judge(old, old[: moved.start] + moved.text + old[moved.end :], new, moved) is not None


def fit_weights(requests: Sequence[Request]) -> dict[str, tuple[float, ...]]:
    """Return the weights by the kind of a change: those that all kinds share, and for the evidence `OWN` their own.

    A logistic regression with a ridge penalty, fitted by Newton's method; all places of a request together weigh as
    much as the root of their number.
    """
    places = [(place, 1 / math.sqrt(len(one.places))) for one in requests for place in one.places]
    shared = np.array([place.evidence for place, _ in places])
    own = np.array([name in OWN for name in likelihood.EVIDENCE])
    kinds = np.array([likelihood.KINDS.index(place.agreement.kind) for place, _ in places])
    parts = [shared, *(shared[:, own] * (kinds == number)[:, None] for number in range(len(likelihood.KINDS)))]
    rows = np.concatenate(parts, axis=1)
    right, share = np.array([float(place.right) for place, _ in places]), np.array([weight for _, weight in places])
    penalty = np.full(rows.shape[1], RIDGE)
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (share * (right - probabilities)) - penalty * weights
        curvature = (rows * (share * probabilities * (1 - probabilities))[:, None]).T @ rows + np.diag(penalty)
        weights += np.linalg.solve(curvature, gradient)
    found = {}
    for number, kind in enumerate(likelihood.KINDS):
        total = weights[: len(own)].copy()
        first = len(own) + number * int(own.sum())
        total[own] += weights[first : first + int(own.sum())]
        found[kind] = tuple(round(float(weight), 2) for weight in total)
    return found


def choose_likeliest(requests: Sequence[Request], weights: dict[str, tuple[float, ...]]) -> list[tuple[float, Place]]:
    """Return the log-odds of the most likely place of each request that has one, and the place."""
    found = []
    for one in requests:
        rated = [(float(np.dot(place.evidence, weights[place.agreement.kind])), place) for place in one.places]
        if rated:
            found.append(max(rated, key=lambda each: each[0]))
    return found


def select(requests: Sequence[Request], *, several: bool) -> list[Request]:
    """Return the requests after several hunks or after one, without those places that the other weights are for."""
    chosen = []
    for one in requests:
        places = tuple(place for place in one.places if (place.agreement.edits > 1) == several)
        if places and (one.given > 1) == several:
            chosen.append(replace(one, places=places))
    return chosen


def main() -> None:
    """Print the weights for the clones that the command line names, and what some thresholds lead to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", nargs="+", type=Path)
    requests = [one for clone in parser.parse_args().clones for one in collect(clone)]
    singles = sum(one.single for one in requests)
    for name, several in (("FIRST", False), ("LATER", True)):
        chosen = select(requests, several=several)
        weights = fit_weights(chosen)
        print(f"{name} = {weights}")
        grouped = choose_likeliest([one for one in chosen if not one.single], weights)
        single = choose_likeliest([one for one in chosen if one.single], weights)
        for least in THRESHOLDS:
            shown = [place.right for odds, place in grouped if odds > least]
            wrong = sum(odds > least for odds, _ in single)
            print(f"above {least}: {sum(shown)} right of {len(shown)}; after {wrong} of {singles} single hunks")


if __name__ == "__main__":
    main()
