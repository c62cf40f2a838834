"""Fit of a model's show filter: the weight of each piece of evidence about a suggestion, and the precision reached.

`python -m tests.eval.fit_show_filter [--model FOLDER]` replays typing on the dev packages, fits one logistic regression
for each kind of suggestion, and writes `show-filter.json` beside the model. The stated precision is that on the test
packages, with 95 % intervals over lines, compared with the constants of `agents/completion/confidence.py`. `--plain`
prints new constants: the same fit on three pieces of evidence. Collected candidates are reused for the same weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.completion import confidence
from models.catalog.catalog import DEFAULT_MODEL, Catalog, read_entry
from models.catalog.show_filter import BEGINNING, EVIDENCE, FILE, FORMAT, KINDS, ShowFilter
from tests.eval import data, show_filter_data
from tests.eval.metrics import RESAMPLES, SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.catalog.catalog import ModelEntry
    from tests.eval.show_filter_data import Key, Line

# Lines of each package, and keys of each line.
FITTED_ON = {"attrs": (300, 4), "httpx": (300, 4), "rich": (300, 4)}
STATED_ON = (40, 3)  # of each test package
PLAIN = ("one", "said", "total")
RIDGE = 10.0  # on evidence scaled to a standard deviation of one
STEPS = 50
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BINS = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
WITHOUT = {
    "draft": dict(zip(PLAIN, confidence.DRAFT, strict=True)),
    "agreed": dict(zip(PLAIN, confidence.AGREED, strict=True)),
    "alone": dict(zip(PLAIN, confidence.ALONE, strict=True)),
}


def fit_weights(lines: Sequence[Line], names: Sequence[str] = EVIDENCE) -> dict[str, float]:
    """Return the weights of the evidence `names`: a logistic regression with a ridge penalty on scaled evidence.

    Fitted by Newton's method on whether each line is right; weights of 0 are left out.
    """
    rows = np.array([[line.evidence[name] for name in names] for line in lines])
    right = np.array([float(line.right) for line in lines])
    scale = rows.std(axis=0)
    varies = scale > 0
    means = np.where(varies, rows.mean(axis=0), 0.0)
    scaled = np.where(varies, (rows - means) / np.where(varies, scale, 1.0), 0.0)
    scaled[:, 0] = 1.0  # "one" comes first
    penalty = RIDGE * np.eye(len(names))
    penalty[0, 0] = 0.0
    weights = np.zeros(len(names))
    for _ in range(STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        gradient = scaled.T @ (right - probabilities) - penalty @ weights
        curvature = (scaled * (probabilities * (1 - probabilities))[:, None]).T @ scaled + penalty
        weights += np.linalg.solve(curvature + 1e-9 * np.eye(len(names)), gradient)
    weights[1:] = np.where(varies[1:], weights[1:] / np.where(varies[1:], scale[1:], 1.0), 0.0)
    weights[0] -= weights[1:] @ means[1:]
    return {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True) if weight}


def fit_kinds(keys: Iterable[Key], names: Sequence[str] = EVIDENCE) -> dict[str, dict[str, float]]:
    """Return the weights of the evidence `names` for each kind of suggestion."""
    lines = group_by_kind(keys)
    return {kind: fit_weights(lines[kind], names) for kind in KINDS}


def group_by_kind(keys: Iterable[Key]) -> dict[str, list[Line]]:
    """Return the lines of all keys, by kind."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for key in keys:
        for line in key.lines:
            lines[line.kind].append(line)
    return lines


@dataclass(frozen=True)
class Shown:
    """The most probable line at a key: its probability, whether it is right, and the line of code it belongs to."""

    sure: float
    right: bool
    group: tuple[str, int]


def choose_surest(keys: Iterable[Key], weights: dict[str, dict[str, float]]) -> list[Shown]:
    """Return the most probable line at each key, by a filter with `weights`; probability 0 for keys without a line."""
    judge = ShowFilter(weights)
    found = []
    for key in keys:
        figures = [
            (
                line.recalled if line.kind == "recall" else judge.estimate_probability(line.kind, line.evidence),
                line.right,
            )
            for line in key.lines
        ]
        sure, right = max(figures, default=(0.0, False))
        found.append(Shown(sure, right, (key.package, key.number)))
    return found


def compute_with_interval(
    shown: Sequence[Shown], figure: Callable[[Sequence[Shown]], float], less: Sequence[Shown] | None = None
) -> list[float]:
    """Return the value of `figure` for `shown`, and the ends of its 95 % bootstrap interval.

    Resamples whole lines of code, as the keys of one line are not independent. With `less`, the choices of another
    filter at the same keys, returns the difference of the two filters.
    """
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, one in enumerate(shown):
        groups[one.group].append(at)
    members = list(groups.values())
    rng = np.random.default_rng(SEED)

    def compute(places: Sequence[int]) -> float:
        """Return the value, or the difference of the two filters, at the keys with these indexes."""
        own = figure([shown[at] for at in places])
        return own - figure([less[at] for at in places]) if less is not None else own

    draws = [
        compute([at for group in rng.integers(0, len(members), len(members)) for at in members[group]])
        for _ in range(RESAMPLES // 4)
    ]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return [round(value, 3) for value in (compute(range(len(shown))), float(low), float(high))]


def make_precision(level: float) -> Callable[[Sequence[Shown]], float]:
    """Return a function for the share of right lines among those with a probability of `level` or more."""

    def compute(shown: Sequence[Shown]) -> float:
        some = [one.right for one in shown if one.sure >= level]
        return sum(some) / len(some) if some else float("nan")

    return compute


def make_shown_share(level: float) -> Callable[[Sequence[Shown]], float]:
    """Return a function for the share of keys with a line of a probability of `level` or more."""
    return lambda shown: sum(one.sure >= level for one in shown) / max(len(shown), 1)


def make_precision_at_share(wanted: float) -> Callable[[Sequence[Shown]], float]:
    """Return a function for the share of right lines among the most probable ones, the share `wanted` of all keys."""

    def compute(shown: Sequence[Shown]) -> float:
        best = sorted(shown, key=lambda one: -one.sure)[: max(1, round(wanted * len(shown)))]
        return sum(one.right for one in best) / len(best)

    return compute


def make_share_at_precision(wanted: float) -> Callable[[Sequence[Shown]], float]:
    """Return a function for the largest share of keys that can be shown with a precision of `wanted` or more."""

    def compute(shown: Sequence[Shown]) -> float:
        best, right = 0, 0
        for count, one in enumerate(sorted(shown, key=lambda one: -one.sure), 1):
            right += one.right
            if right >= wanted * count:
                best = count
        return best / max(len(shown), 1)

    return compute


def measure_calibration(keys: Sequence[Key]) -> list[dict[str, float]]:
    """Return predicted and observed precision in bins of probability; each package is judged by a fit to the others."""
    figures: list[tuple[float, bool]] = []
    for package in sorted({key.package for key in keys}):
        judge = ShowFilter(fit_kinds(key for key in keys if key.package != package))
        own = group_by_kind(key for key in keys if key.package == package)
        figures += [
            (judge.estimate_probability(kind, line.evidence), line.right) for kind in KINDS for line in own[kind]
        ]
    rows = []
    for low, high in pairwise(BINS):
        some = [(said, right) for said, right in figures if low <= said < high]
        if some:
            said, right = np.mean(some, axis=0)
            rows.append({"from": low, "to": high, "n": len(some), "said": round(said, 3), "right": round(right, 3)})
    return rows


def measure_promise(keys: Sequence[Key], weights: dict[str, dict[str, float]]) -> dict[str, object]:
    """Return precision and shown share on `keys` of other packages: with the filter, without it, and the difference."""
    own, without = choose_surest(keys, weights), choose_surest(keys, WITHOUT)
    beside: dict[str, list[Shown]] = {"filter": own, "without": without}

    def make_row(figure: Callable[[Sequence[Shown]], float]) -> dict[str, list[float]]:
        """Return value and interval with the filter, without it, and of the difference."""
        figures = {name: compute_with_interval(some, figure) for name, some in beside.items()}
        return figures | {"difference": compute_with_interval(own, figure, less=without)}

    return {
        "packages": sorted({key.package for key in keys}),
        "keys": len(keys),
        "precision_at_level": {str(level): make_row(make_precision(level)) for level in LEVELS},
        "shown_at_level": {str(level): make_row(make_shown_share(level)) for level in LEVELS},
        "shown_at_precision": {
            str(wanted): make_row(make_share_at_precision(wanted)) for wanted in (0.5, 0.6, 0.7, 0.8)
        },
        "precision_at_share": {str(wanted): make_row(make_precision_at_share(wanted)) for wanted in (0.1, 0.2, 0.3)},
    }


def load_keys(entry: ModelEntry, split: str) -> list[Key]:
    """Return the keys of the packages of a split; measure them if they are not in the cache."""
    keys = []
    for package in data.list_packages(split):
        size = STATED_ON if split == "test" else FITTED_ON.get(package.name)
        if size is not None:
            file = show_filter_data.locate_cache(entry, package.name)
            if not file.exists():
                show_filter_data.collect(entry, package, *size)
            keys += show_filter_data.read_keys(file)
    return keys


def make_content(entry: ModelEntry, dev: Sequence[Key], test: Sequence[Key]) -> dict[str, Any]:
    """Return the content of the filter's file: weights, the data they were fitted on, and the precision on `test`."""
    weights = fit_kinds(dev)
    lines = group_by_kind(dev)
    kinds = {
        kind: {
            "n": len(lines[kind]),
            "right": round(sum(line.right for line in lines[kind]) / len(lines[kind]), 3),
            "weights": weights[kind],
        }
        for kind in KINDS
    }
    return {
        "format": FORMAT,
        "model": entry.name,
        "weights_sha256_begins": show_filter_data.hash_weights(entry),
        "fitted_on": {"packages": sorted({key.package for key in dev}), "keys": len(dev)},
        "kinds": kinds,
        "calibration": measure_calibration(dev),
        "stated": measure_promise(test, weights),
    }


def main() -> int:
    """Collect the keys, fit the weights, and write the file, or print the constants for `--plain`."""
    parser = argparse.ArgumentParser(description="Fit the show-filter of a completion model.")
    parser.add_argument("--model", type=Path, help="a model's folder with catalog.toml; the bundled one when not given")
    parser.add_argument("--plain", action="store_true", help="print the constants for models without a filter")
    chosen = parser.parse_args()
    entry = read_entry(chosen.model / "catalog.toml") if chosen.model else Catalog.load(None).entries[DEFAULT_MODEL]
    dev = load_keys(entry, "dev")
    if chosen.plain:
        for kind, weights in fit_kinds(dev, PLAIN).items():
            print(f"{kind.upper()} = ({', '.join(f'{weight:.3f}' for weight in weights.values())})")
        return 0
    found = make_content(entry, dev, load_keys(entry, "test"))
    target = entry.folder / FILE
    if target.exists():  # the beginnings of lines are fitted by `fit_beginnings`
        older = json.loads(target.read_text(encoding="utf-8"))["kinds"]
        found["kinds"] |= {BEGINNING: older[BEGINNING]} if BEGINNING in older else {}
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    print(f"written: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
