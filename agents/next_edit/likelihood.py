"""How likely a change belongs at another place, too, from how far the two places agree.

One logistic regression for each kind of change, fitted on the histories of published packages
(`tests/eval/fit_repetition.py`); one set for a change that was made by one edit, another for several edits. Start at
`estimate_log_odds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.next_edit.surroundings import split_text

if TYPE_CHECKING:
    from agents.next_edit.surroundings import Agreed

KINDS = ("insertion", "deletion", "name", "words", "marks")
EVIDENCE = (
    "one", "left", "right", "least", "words", "agreed_squared",
    "old_length", "old_words", "old_length_agreed", "new_length", "new_words",
    "places", "rivals", "beaten", "all_alike", "places_words", "same_text", "lines", "several_lines",
)  # fmt: skip
LEAST_FIRST, LEAST_IN_PROSE, LEAST_LATER = 0.75, 1.75, -0.5  # log-odds above which a place is proposed
# fmt: off
FIRST = {
    "insertion": (
        -1.68, 1.29, 0.42, 1.28, 0.29, -0.71, 0.64, 0.04, 0.27, 0.01, -0.72,
        -1.20, 0.06, -0.58, -0.39, 0.89, -0.31, -0.41, -0.58,
    ),
    "deletion": (
        -0.92, 1.00, 0.55, 0.85, -0.15, -0.71, 1.36, 0.21, 0.27, 0.01, -0.72,
        -1.39, -0.00, 0.17, -0.39, 0.89, -0.31, -0.41, -0.58,
    ),
    "name": (
        -0.74, 0.50, 0.65, 0.88, -0.38, -0.71, 1.96, 0.10, 0.27, 0.01, -0.72,
        -1.79, 0.10, -0.17, -0.39, 0.89, -0.31, -0.41, -0.58,
    ),
    "words": (
        0.75, 0.91, 1.27, 0.15, -0.46, -0.71, 0.07, -0.13, 0.27, 0.01, -0.72,
        -1.37, 0.09, -0.33, -0.39, 0.89, -0.31, -0.41, -0.58,
    ),
    "marks": (
        -1.92, 0.40, 1.36, 0.60, 0.42, -0.71, 0.51, 0.04, 0.27, 0.01, -0.72,
        -0.95, -0.32, 0.08, -0.39, 0.89, -0.31, -0.41, -0.58,
    ),
}
LATER = {
    "insertion": (
        -0.65, 1.07, 0.32, 0.35, 0.78, -0.26, 0.35, -0.23, 0.08, -0.28, -0.38,
        -0.88, -0.73, -1.64, -0.14, -0.12, 1.02, -0.01, -0.14,
    ),
    "deletion": (
        0.49, 1.19, 0.03, 1.05, 0.22, -0.26, 0.60, -0.00, 0.08, -0.28, -0.38,
        -0.71, -1.28, -0.24, -0.14, -0.12, 1.02, -0.01, -0.14,
    ),
    "name": (
        -0.18, 0.50, 0.59, 0.36, 0.66, -0.26, 1.55, -0.29, 0.08, -0.28, -0.38,
        -1.05, -0.78, -0.99, -0.14, -0.12, 1.02, -0.01, -0.14,
    ),
    "words": (
        0.63, 1.03, 0.73, -0.45, 0.30, -0.26, 0.24, -0.62, 0.08, -0.28, -0.38,
        -0.50, -0.39, -2.00, -0.14, -0.12, 1.02, -0.01, -0.14,
    ),
    "marks": (
        -0.34, 0.37, 0.31, 0.21, 0.76, -0.26, 0.38, -0.23, 0.08, -0.28, -0.38,
        -0.80, -1.20, -0.90, -0.14, -0.12, 1.02, -0.01, -0.14,
    ),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of a place with the places of a change.

    Attributes:
        kind: one of `KINDS`.
        around: how far the surroundings agree.
        old_text: the text that the change replaces.
        new_text: the text that replaces it.
        places: number of places in the text that could be changed.
        rivals: number of the others among them that agree as far or further.
        is_beaten: whether one of them agrees further.
        is_same_text: whether the change was made in this text.
        is_lines: whether it is a change of whole lines.
        edits: number of edits that made it.
    """

    kind: str
    around: Agreed
    old_text: str
    new_text: str
    places: int
    rivals: int
    is_beaten: bool
    is_same_text: bool
    is_lines: bool
    edits: int


def estimate_log_odds(one: Agreement) -> float:
    """Return the logarithm of the odds that the change belongs at the place."""
    weights = (FIRST if one.edits == 1 else LATER)[one.kind]
    return sum(weight * value for weight, value in zip(weights, list_evidence(one), strict=True))


def list_evidence(one: Agreement) -> tuple[float, ...]:
    """Return the numbers from which the odds are estimated, one for each name of `EVIDENCE`."""
    around, count = one.around, math.log1p
    old, new = split_text(one.old_text), split_text(one.new_text)
    old_length, new_length = count(sum(map(len, old))) / 2, count(sum(map(len, new))) / 2
    agreed, places = around.length / 8, count(one.places) / 2
    return (
        1.0,
        around.left / 4,
        around.right / 4,
        min(around.left, around.right, 4) / 4,
        around.words / 4,
        agreed * agreed,
        old_length,
        min(sum(token.isidentifier() for token in old), 6) / 3,
        old_length * agreed,
        new_length,
        min(sum(token.isidentifier() for token in new), 6) / 3,
        places,
        count(one.rivals) / 2,
        float(one.is_beaten),
        float(one.rivals + 1 == one.places),
        places * around.words / 4,
        float(one.is_same_text),
        float(one.is_lines),
        float("\n" in one.old_text.rstrip() or "\n" in one.new_text.rstrip()),
    )
