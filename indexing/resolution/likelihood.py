"""The likelihood that the code at a cursor uses a candidate next: a weighted sum of features.

The weights are fitted on the dev packages' calls by `python -m tests.eval.fit_likely_definitions`. Start at
`measure_features`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.occurrences import Occurrences
from indexing.resolution.surroundings import split_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexing.resolution.candidates import Candidate
    from indexing.resolution.names import DocumentNames
    from indexing.resolution.surroundings import Surroundings

_NEVER = 10_000  # lines
_NO_OCCURRENCES = Occurrences(0, ())
_FEW = 2  # chunks that are added to those of a name, so that the mean over one or two chunks says little
WEIGHTS: dict[str, float] = {
    "called_after": 0.48,
    "called_before": -0.06,
    "capital": 0.06,
    "class": -0.56,
    "class_called": -0.41,
    "dunder": -2.83,
    "error": -0.89,
    "error_in_branch": 2.58,
    "following": 1.30,
    "import": 0.67,
    "in_near_lines": -0.10,
    "module": -0.17,
    "named_as_scope": 0.96,
    "no_parameters": 0.23,
    "only_read": -0.45,
    "own class": 0.05,
    "parameters_fit": 0.49,
    "parts_near": 0.84,
    "parts_of_scope": 1.11,
    "popular": -0.19,
    "private": -0.74,
    "property": -2.71,
    "read_after": -0.24,
    "read_before": -0.17,
    "receiver": -0.17,
    "receiver_far": 0.98,
    "receiver_near": 1.26,
    "same_folder": -0.37,
    "shares_last": 0.15,
    "shares_last_mean": 0.16,
    "shares_near": 0.18,
    "shares_near_mean": 0.03,
    "siblings": -0.22,
    "similar": 0.81,
    "unused": 1.27,
    "unused_so_far": -0.13,
    "used_far": 1.35,
    "used_near": -2.31,
    "used_near_after": 1.13,
    "ways": 0.29,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence from the workspace.

    Attributes:
        occurrences: where each name occurs, and which words of `Surroundings.word_groups` occur with it.
        similar: how many of the chunks most similar to the code before the cursor call each name.
    """

    occurrences: Mapping[str, Occurrences]
    similar: Mapping[str, int]


def score(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the sum of `features` with the weights of a language; without any, with those of Python."""
    weights = weights or WEIGHTS
    return sum(weights.get(name, 0.0) * value for name, value in features.items())


def measure_features(
    candidate: Candidate, around: Surroundings, names: DocumentNames, evidence: Evidence
) -> dict[str, float]:
    """Return the features of `candidate` that are not 0."""
    definition, name = candidate.reference.definition, candidate.name.rpartition(".")[2]
    called, read = around.before.called.get(name, ()), around.before.read.get(name, ())
    later = [*around.after.called.get(name, ())[:1], *around.after.read.get(name, ())[:1]]
    used = max(called[-1] if called else -_NEVER, read[-1] if read else -_NEVER)
    parts = split_parts(name)
    required = [each.name for each in names.list_parameters(candidate.reference) if each.is_required]
    is_class, is_dunder = definition.kind == "class", name.startswith("__") and name.endswith("__")
    is_error = is_class and name.endswith(("Error", "Exception", "Warning"))
    receiver_used = _find_last_use(candidate.receiver, around)
    occurrences = evidence.occurrences.get(name, _NO_OCCURRENCES)
    found = {
        candidate.way: 1.0,
        "class_called": is_class,
        "error": is_error,
        "error_in_branch": is_error and around.is_branch,
        "dunder": is_dunder,
        "private": name.startswith("_") and not is_dunder,
        "property": names.source.rules.is_property(definition.decorators),
        "called_before": math.log1p(len(called)),
        "read_before": math.log1p(len(read)),
        "called_after": math.log1p(len(around.after.called.get(name, ()))),
        "read_after": math.log1p(len(around.after.read.get(name, ()))),
        "unused_so_far": not called and not read,
        "unused": candidate.way == "import" and not called and not read and not later,
        "only_read": is_class and bool(read) and not called,
        "used_near": _decay(around.lines - used, 6),
        "used_far": _decay(around.lines - used, 60),
        "used_near_after": _decay(min(later, default=_NEVER), 6),
        "in_near_lines": math.log1p(around.near[name]),
        "receiver_near": _decay(around.lines - receiver_used, 3),
        "receiver_far": _decay(around.lines - receiver_used, 40),
        "siblings": math.log1p(candidate.siblings),
        "ways": math.log1p(candidate.ways - 1),
        "popular": math.log1p(occurrences.chunks),
        "similar": math.log1p(evidence.similar.get(name, 0)),
        "parts_near": len(parts & around.near_parts) / (len(parts) or 1),
        "parts_of_scope": len(parts & around.scope_parts) / (len(parts) or 1),
        "named_as_scope": name == around.scope_name,
        "following": math.log1p(around.following.get(name, 0.0)),
        "parameters_fit": sum(each in around.local for each in required) / len(required) if required else 0.0,
        "no_parameters": not required,
        "same_folder": _get_folder(candidate.reference.source.relative) == _get_folder(names.source.relative),
        "capital": name[:1].isupper(),
    }
    for group, shared in zip(("last", "near"), occurrences.shared, strict=False):
        found[f"shares_{group}"] = math.log1p(shared)
        found[f"shares_{group}_mean"] = shared / (occurrences.chunks + _FEW)
    return {feature: float(value) for feature, value in found.items() if value}


def _find_last_use(receiver: str, around: Surroundings) -> int:
    """Return the last line before the cursor in which the last name of `receiver` occurs; `-_NEVER` for none."""
    name = receiver.rpartition(".")[2]
    lines = [*around.before.called.get(name, ())[-1:], *around.before.read.get(name, ())[-1:]]
    return max(lines, default=-_NEVER)


def _decay(distance: int, scale: float) -> float:
    """Return a number that falls from 1 to 0 with a distance in lines."""
    return math.exp(-distance / scale) if distance < _NEVER else 0.0


def _get_folder(relative: str) -> str:
    """Return the folder of a path."""
    return relative.rpartition("/")[0]
