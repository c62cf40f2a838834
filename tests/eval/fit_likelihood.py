"""Fits `agents/reviewer/likelihood.toml`: what the bundled model's scores mean, measured on mutated code.

`python -m tests.eval.fit_likelihood` compares all places in functions of the dev packages, and those in the lines of
seeded slips (`tests.eval.mutants`), fits the probability that a place is wrong, and chooses the least threshold at
which what is found is right often enough; each package is judged by a fit to the other three. Start at `main`.
"""

from __future__ import annotations

import argparse
import ast
import math
import random
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.reviewer import calibration
from agents.reviewer.calibration import Calibration
from agents.reviewer.likelihood import MESSAGES, Comparison, Limits, compared
from indexing.records import Document, Span
from indexing.syntax import Syntax
from tests.eval import data, mutants
from tests.eval.bundled import bundled_model
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.completion import CompletionModel

FUNCTIONS = 14  # a package
LEAST_PRECISION = 0.9  # where every function looked at has one slip
MOST_ALARMS = 2.5  # in 1,000 sound lines; surely no more, before a model looks unasked
LEAST_FOUND = 10  # slips, before a precision is believed
RIDGE = 1.0
STEPS = 60
PATIENT = Limits(seconds=3600.0)
KINDS = tuple(MESSAGES)


@dataclass(frozen=True)
class Place:
    """One comparison.

    Attributes:
        seen: what the model says.
        line: where, from 1.
        right: whether the alternative takes a slip back.
    """

    seen: Comparison
    line: int
    right: bool


@dataclass(frozen=True)
class Measured:
    """One function.

    Attributes:
        package: where it is from.
        lines: its length.
        sound: places of the function as it is.
        slips: for each slip in it the kind, the line, and the places of that line.
    """

    package: str
    lines: int
    sound: tuple[Place, ...]
    slips: tuple[tuple[str, int, tuple[Place, ...]], ...]


def measured(package: data.Package, model: CompletionModel, count: int) -> list[Measured]:
    """Functions of one package, each with one slip of each kind that fits."""
    found = []
    for path, text, function in mutants.sample(package, count):
        rng = random.Random(f"{SEED} {path.name} {function}")  # noqa: S311 - a sample that repeats, no secret
        by_kind: dict[str, list[mutants.Mutant]] = defaultdict(list)
        for one in mutants.mutants(text, function):
            by_kind[one.operator].append(one)
        document = Document(path.as_uri(), path, "python", text, 1)
        sound = places(document, function.within(text), model, "")
        slips = []
        for kind, made in by_kind.items():
            one = rng.choice(made)
            starts = mutants.line_starts(one.text)
            wrong = Document(document.uri, path, "python", one.text, 2)
            line = Span(starts[one.line - 1], starts[one.line])
            slips.append((kind, one.line, places(wrong, line, model, text)))
        found.append(Measured(package.name, function.last - function.first + 1, sound, tuple(slips)))
    return found


def places(document: Document, span: Span, model: CompletionModel, right: str) -> tuple[Place, ...]:
    """All comparisons in a span; `right` is the text without a slip, if there is one."""
    tree = ast.dump(ast.parse(right)) if right else ""
    comparisons = compared(document, Syntax.of(document), model, [span], cancelled=lambda: False, limits=PATIENT)
    return tuple(
        Place(
            one,
            document.text.count("\n", 0, one.site.span.start) + 1,
            bool(tree) and _with_alternative(document.text, one) == tree,
        )
        for one in comparisons
    )


def _with_alternative(text: str, one: Comparison) -> str:
    """The tree of the text with the alternative, "" where that is no Python."""
    try:
        return ast.dump(ast.parse(text[: one.site.span.start] + one.alternative + text[one.site.span.end :]))
    except (SyntaxError, ValueError):
        return ""


def fitted(functions: Sequence[Measured]) -> dict[str, tuple[float, ...]]:
    """Weights for each kind: a logistic regression with weights common to all kinds, and small ones of each kind's own.

    Sound places are negative, slips whose taking back was offered positive. A ridge penalty keeps a kind that was
    seldom met near what holds for all.
    """
    sound = [place for one in functions for place in one.sound]
    slips = [place for one in functions for _, _, found in one.slips for place in found if place.right]
    rows = np.array([_features(place) for place in (*sound, *slips)])
    right = np.array([0.0] * len(sound) + [1.0] * len(slips))
    penalty = np.eye(rows.shape[1]) * RIDGE
    penalty[0, 0] = 0.0
    weights: NDArray[np.float64] = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (right - probabilities) - penalty @ weights
        hessian = (rows * (probabilities * (1 - probabilities))[:, None]).T @ rows + penalty
        weights += np.linalg.solve(hessian, gradient)
    table = weights.reshape(len(KINDS) + 1, -1)
    return {kind: tuple(float(value) for value in table[0] + table[at]) for at, kind in enumerate(KINDS, 1)}


def _features(place: Place) -> list[float]:
    """What `Calibration.confidence` weighs, for all kinds and then for the place's own."""
    values = [1.0, place.seen.margin, place.seen.doubt, float(place.seen.unused)]
    own = KINDS.index(place.seen.site.kind)
    return [*values, *(value if at == own else 0.0 for at in range(len(KINDS)) for value in values)]


@dataclass(frozen=True)
class Judgement:
    """What would be found in functions that each have one slip, and in the same without it."""

    slips: int
    found: int
    other: int
    alarms: int
    lines: int

    @property
    def precision(self) -> float:
        """Share of the findings that are the slip."""
        return self.found / max(self.found + self.other, 1)

    @property
    def alarms_per_1000(self) -> float:
        """Findings in 1,000 sound lines."""
        return 1000 * self.alarms / self.lines

    @property
    def most_alarms_per_1000(self) -> float:
        """The upper end of its 95 % interval, as of counts that come by themselves (Poisson): (sqrt(n + 1) + 1)²."""
        return 1000 * (math.sqrt(self.alarms + 1) + 1) ** 2 / self.lines


def judged(
    functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]], threshold: float
) -> Judgement:
    """Count at a threshold; `weights` are by package, those fitted without it."""
    slips = found = other = alarms = 0
    for one in functions:
        sure = Calibration(precise=True, threshold=threshold, weights=weights[one.package])
        said = {place.line for place in one.sound if _says(sure, place)}
        alarms += len(said)
        for _, line, own in one.slips:
            here = any(_says(sure, place) for place in own)
            slips += 1
            found += here
            other += len(said - {line})
    return Judgement(slips, found, other, alarms, sum(one.lines for one in functions))


def _says(known: Calibration, place: Place) -> bool:
    return known.confidence(place.seen) >= known.threshold


def chosen_threshold(
    functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]]
) -> tuple[float, bool, Judgement]:
    """The least threshold that looks precise, or else the most precise one; whether it surely is; what it finds."""
    best: tuple[float, Judgement] | None = None
    for percent in range(5, 100):
        threshold = percent / 100
        judgement = judged(functions, weights, threshold)
        if judgement.found < LEAST_FOUND:
            break
        if judgement.precision >= LEAST_PRECISION and judgement.alarms_per_1000 <= MOST_ALARMS:
            return threshold, judgement.most_alarms_per_1000 <= MOST_ALARMS, judgement
        if best is None or judgement.precision > best[1].precision:
            best = threshold, judgement
    if best is None:
        raise SystemExit(f"Fewer than {LEAST_FOUND} slips are found at any threshold.")
    return best[0], False, best[1]


def report(functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]]) -> None:
    """Print what each threshold would find."""
    for percent in (5, 10, 20, 30, 40, 50, 60, 70, 80, 90):
        one = judged(functions, weights, percent / 100)
        print(
            f"  from {percent / 100:.2f}: {one.found} of {one.slips} slips, precision {one.precision:.2f}, "
            f"{one.alarms_per_1000:.1f} alarms in 1,000 of {one.lines} sound lines"
        )


def write(model: str, known: Calibration, judgement: Judgement) -> None:
    """Write the table; of other models nothing is kept: measure them again."""
    seen = (
        f"{judgement.found} of {judgement.slips} slips found, precision {judgement.precision:.2f}, "
        f"{judgement.alarms_per_1000:.1f} alarms in 1,000 sound lines, {judgement.most_alarms_per_1000:.1f} at most"
    )
    lines = [
        "# What the scores of a model mean: the log-odds that a place is wrong, from one, margin, doubt and unused.",
        "# Written by `python -m tests.eval.fit_likelihood`: on attrs, httpx, rich and tornado.",
        "# How it does on packages it was not fitted on: tests/eval/seeded_bugs.csv.",
        "",
        f"[model.{model}]",
        f"precise = {str(known.precise).lower()} # {seen}",
        f"threshold = {known.threshold:.2f}",
        "",
        f"[model.{model}.weights]",
        *(f"{kind} = [{', '.join(f'{value:.3f}' for value in row)}]" for kind, row in known.weights.items()),
    ]
    calibration.TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Measure, fit, choose, write."""
    parser = argparse.ArgumentParser(description="Fit the likelihood layer of the reviewer on the dev packages.")
    parser.add_argument("--count", type=int, default=FUNCTIONS, help="functions a package; fewer are only printed")
    chosen = parser.parse_args()
    functions: list[Measured] = []
    with bundled_model() as model:
        name = model.entry.name
        for package in data.packages("dev"):
            functions += measured(package, model, chosen.count)
            print(f"{package.name} done", file=sys.stderr, flush=True)
    finish(name, functions, whole=chosen.count == FUNCTIONS)
    return 0


def finish(model: str, functions: Sequence[Measured], *, whole: bool) -> None:
    """Fit what was measured and write it."""
    packages = {one.package for one in functions}
    held_out = {name: fitted([one for one in functions if one.package != name]) for name in packages}
    report(functions, held_out)
    threshold, precise, judgement = chosen_threshold(functions, held_out)
    print(f"threshold {threshold:.2f}, {'precise' if precise else 'not precise'}: {judgement}")
    if whole:
        write(model, Calibration(precise, threshold, fitted(functions)), judgement)
        print(f"written: {calibration.TABLE.name}")


if __name__ == "__main__":
    sys.exit(main())
