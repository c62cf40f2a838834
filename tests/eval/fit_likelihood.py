"""Fit of `agents/reviewer/likelihood/likelihood.toml`: the probability of a bug for a model's scores, on mutated code.

`python -m tests.eval.fit_likelihood [--model NAME]` compares all places in functions of the dev packages, and those in
the lines of seeded slips (`tests.eval.mutants`), fits the probability that a place is wrong, and chooses the lowest
threshold at which findings are right often enough; each package is judged by a fit to the other three. Measurements are
stored, so `--seconds` may end a run, and the next run continues it. Start at `main`.
"""

from __future__ import annotations

import argparse
import ast
import math
import random
import re
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.reviewer.likelihood import calibration
from agents.reviewer.likelihood.alternatives import Site
from agents.reviewer.likelihood.calibration import Calibration
from agents.reviewer.likelihood.comparison import Comparison
from agents.reviewer.likelihood.likelihood import MESSAGES, Limits, compare_sites
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax
from models.catalog.catalog import DEFAULT_MODEL
from models.local.loading import load
from tests.eval import data, mutants
from tests.eval.metrics import SEED
from tests.eval.real.answers import Answers, Key, read_revision
from tests.eval.real.installed import find_entry, identify
from tests.eval.real.running import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from numpy.typing import NDArray

    from models.completion import CompletionModel

FUNCTIONS = 14  # a package
LEAST_PRECISION = 0.9  # in functions with one slip each
MOST_ALARMS = 2.5  # in 1,000 sound lines; the interval must be below, before a model reviews automatically
LEAST_FOUND = 10  # slips that a precision must be based on
# The beginning of the table.
HEAD = (
    "# What the scores of a model mean: the log-odds that a place is wrong, from one, margin, doubt and unused.\n"
    "# Written by `python -m tests.eval.fit_likelihood`: on attrs, httpx, rich and tornado.\n"
    "# How it does on packages it was not fitted on: tests/eval/seeded_bugs.csv.\n"
)
RIDGE = 1.0
STEPS = 60
PATIENT = Limits(seconds=3600.0)
KINDS = tuple(MESSAGES)


@dataclass(frozen=True)
class Place:
    """A comparison of a place in code with an alternative.

    Attributes:
        seen: the model's scores.
        line: line of the place, from 1.
        right: whether the alternative undoes a slip.
    """

    seen: Comparison
    line: int
    right: bool


@dataclass(frozen=True)
class Measured:
    """Comparisons in one function.

    Attributes:
        package: name of its package.
        lines: number of its lines.
        sound: places of the unchanged function.
        slips: kind and line of each slip, and the places of that line.
    """

    package: str
    lines: int
    sound: tuple[Place, ...]
    slips: tuple[tuple[str, int, tuple[Place, ...]], ...]


@dataclass(frozen=True)
class Sample:
    """A function of a dev package to measure."""

    package: str
    path: Path
    text: str
    function: mutants.Span

    @property
    def name(self) -> str:
        """Identifier of the sample, unique among all."""
        return f"{'/'.join(self.path.parts[-3:])} {self.function.name}:{self.function.first}"


def choose_samples(count: int) -> list[Sample]:
    """Return up to `count` functions of each dev package, one of each package in turn."""
    of_packages = [
        [Sample(package.name, *found) for found in mutants.choose_functions(package, count)]
        for package in data.list_packages("dev")
    ]
    return [one for one in chain.from_iterable(zip_longest(*of_packages)) if one is not None]


def measure_function(sample: Sample, model: CompletionModel) -> Measured:
    """Compare all places of a function, and those in the line of one slip of each kind that fits the function."""
    path, text, function = sample.path, sample.text, sample.function
    rng = random.Random(f"{SEED} {path.name} {function}")  # noqa: S311 - a sample that repeats, no secret
    by_kind: dict[str, list[mutants.Mutant]] = defaultdict(list)
    for one in mutants.make_mutants(text, function):
        by_kind[one.operator].append(one)
    document = Document(path.as_uri(), path, "python", text, 1)
    sound = compare_places(document, function.within(text), model, "")
    slips = []
    for kind, made in by_kind.items():
        one = rng.choice(made)
        starts = mutants.find_line_starts(one.text)
        wrong = Document(document.uri, path, "python", one.text, 2)
        line = Span(starts[one.line - 1], starts[one.line])
        slips.append((kind, one.line, compare_places(wrong, line, model, text)))
    return Measured(sample.package, function.last - function.first + 1, sound, tuple(slips))


def pack_function(one: Measured) -> dict[str, Any]:
    """Return the data of a function for the fit, as JSON."""
    return {
        "package": one.package,
        "lines": one.lines,
        "sound": [_pack_place(place) for place in one.sound],
        "slips": [[kind, line, [_pack_place(place) for place in found]] for kind, line, found in one.slips],
    }


def unpack_function(record: Mapping[str, Any]) -> Measured:
    """Return the function whose data `pack_function` returned."""
    slips = ((kind, line, tuple(map(_unpack_place, found))) for kind, line, found in record["slips"])
    return Measured(record["package"], record["lines"], tuple(map(_unpack_place, record["sound"])), tuple(slips))


def _pack_place(place: Place) -> list[Any]:
    """Return the data of a place for the fit, as JSON."""
    seen = place.seen
    return [seen.site.kind, seen.margin, seen.doubt, seen.unused, place.line, place.right]


def _unpack_place(record: Sequence[Any]) -> Place:
    """Return the place whose data `_pack_place` returned, without its spans and texts."""
    kind, margin, doubt, unused, line, right = record
    nowhere = Span(0, 0)
    return Place(Comparison(Site(kind, nowhere, nowhere, "", ()), "", margin, doubt, unused), line, right)


def compare_places(document: Document, span: Span, model: CompletionModel, right: str) -> tuple[Place, ...]:
    """Compare all places in a span of a document with their alternatives, by the scores of `model`.

    `right` is the text without the slip; "" if the document has no slip.
    """
    tree = ast.dump(ast.parse(right)) if right else ""
    comparisons = compare_sites(document, Syntax.of(document), model, [span], cancelled=lambda: False, limits=PATIENT)
    return tuple(
        Place(
            one,
            document.text.count("\n", 0, one.site.span.start) + 1,
            bool(tree) and _parse_with_alternative(document.text, one) == tree,
        )
        for one in comparisons
    )


def _parse_with_alternative(text: str, one: Comparison) -> str:
    """Return the syntax tree, as text, of `text` with the alternative in place; "" if that is not Python."""
    try:
        return ast.dump(ast.parse(text[: one.site.span.start] + one.alternative + text[one.site.span.end :]))
    except (SyntaxError, ValueError):
        return ""


def fit_weights(functions: Sequence[Measured]) -> dict[str, tuple[float, ...]]:
    """Return the weights for each kind of place: a logistic regression with common weights and deviations by kind.

    Sound places are negative examples, places whose alternative undoes a slip are positive. A ridge penalty keeps rare
    kinds near the common weights.
    """
    sound = [place for one in functions for place in one.sound]
    slips = [place for one in functions for _, _, found in one.slips for place in found if place.right]
    rows = np.array([_list_features(place) for place in (*sound, *slips)])
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


def _list_features(place: Place) -> list[float]:
    """Return the features that `Calibration.compute_confidence` weighs: once for all kinds, then for each kind.

    The features of other kinds than the place's are 0.
    """
    values = [1.0, place.seen.margin, place.seen.doubt, float(place.seen.unused)]
    own = KINDS.index(place.seen.site.kind)
    return [*values, *(value if at == own else 0.0 for at in range(len(KINDS)) for value in values)]


@dataclass(frozen=True)
class Judgement:
    """Counts of findings in functions with one slip each, and in the same functions without it."""

    slips: int
    found: int
    other: int
    alarms: int
    lines: int

    @property
    def precision(self) -> float:
        """Share of the findings that are slips."""
        return self.found / max(self.found + self.other, 1)

    @property
    def alarms_per_1000(self) -> float:
        """Findings in 1,000 sound lines."""
        return 1000 * self.alarms / self.lines

    @property
    def most_alarms_per_1000(self) -> float:
        """Upper end of the 95 % interval of the alarms, for Poisson counts: (sqrt(n + 1) + 1)²."""
        return 1000 * (math.sqrt(self.alarms + 1) + 1) ** 2 / self.lines


def judge_threshold(
    functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]], threshold: float
) -> Judgement:
    """Count the findings at `threshold`, with the weights in `weights[package]`, fitted without that package."""
    slips = found = other = alarms = 0
    for one in functions:
        sure = Calibration(precise=True, threshold=threshold, weights=weights[one.package])
        said = {place.line for place in one.sound if _is_reported(sure, place)}
        alarms += len(said)
        for _, line, own in one.slips:
            here = any(_is_reported(sure, place) for place in own)
            slips += 1
            found += here
            other += len(said - {line})
    return Judgement(slips, found, other, alarms, sum(one.lines for one in functions))


def _is_reported(known: Calibration, place: Place) -> bool:
    """Return whether the confidence of `place` reaches the threshold of `known`."""
    return known.compute_confidence(place.seen) >= known.threshold


def choose_threshold(
    functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]]
) -> tuple[float, bool, Judgement]:
    """Return the lowest threshold that is precise enough, else the most precise one, with its findings.

    The second value says whether even the upper end of the interval of its alarms is low enough.

    Raises:
        SystemExit: too few slips are found at any threshold.
    """
    best: tuple[float, Judgement] | None = None
    for percent in range(5, 100):
        threshold = percent / 100
        judgement = judge_threshold(functions, weights, threshold)
        if judgement.found < LEAST_FOUND:
            break
        if judgement.precision >= LEAST_PRECISION and judgement.alarms_per_1000 <= MOST_ALARMS:
            return threshold, judgement.most_alarms_per_1000 <= MOST_ALARMS, judgement
        if best is None or judgement.precision > best[1].precision:
            best = threshold, judgement
    if best is None:
        raise SystemExit(f"Fewer than {LEAST_FOUND} slips are found at any threshold.")
    return best[0], False, best[1]


def print_report(functions: Sequence[Measured], weights: Mapping[str, Mapping[str, tuple[float, ...]]]) -> None:
    """Print counts of findings at some thresholds; `weights[package]` were fitted without that package."""
    for percent in (5, 10, 20, 30, 40, 50, 60, 70, 80, 90):
        one = judge_threshold(functions, weights, percent / 100)
        print(
            f"  from {percent / 100:.2f}: {one.found} of {one.slips} slips, precision {one.precision:.2f}, "
            f"{one.alarms_per_1000:.1f} alarms in 1,000 of {one.lines} sound lines"
        )


def write_table(model: str, parameters: int, known: Calibration, judgement: Judgement) -> None:
    """Write the table of `model`, which has `parameters` weights, with the figures of `judgement` as a comment.

    Keeps the tables of other models.
    """
    seen = (
        f"{judgement.found} of {judgement.slips} slips found, precision {judgement.precision:.2f}, "
        f"{judgement.alarms_per_1000:.1f} alarms in 1,000 sound lines, {judgement.most_alarms_per_1000:.1f} at most"
    )
    head = f'[model."{model}"]'
    lines = [
        head,
        f"parameters = {parameters}",
        f"precise = {str(known.precise).lower()} # {seen}",
        f"threshold = {known.threshold:.2f}",
        "",
        f'[model."{model}".weights]',
        *(f"{kind} = [{', '.join(f'{value:.3f}' for value in row)}]" for kind, row in known.weights.items()),
    ]
    beginning, *tables = re.split(r"^(?=\[model\.(?:[^.\]]+|\"[^\"]+\")\]$)", _read_table(), flags=re.MULTILINE)
    others = [one.rstrip() for one in tables if not one.startswith((f"{head}\n", f"[model.{model}]\n"))]
    calibration.TABLE.write_text("\n\n".join([beginning.rstrip(), *others, "\n".join(lines)]) + "\n", encoding="utf-8")


def _read_table() -> str:
    """Return the text of the table; its head if there is none."""
    return calibration.TABLE.read_text(encoding="utf-8") if calibration.TABLE.exists() else HEAD


def main() -> int:
    """Measure functions, fit them, choose a threshold, and write the table if `--write` is given."""
    parser = argparse.ArgumentParser(description="Fit the likelihood layer of the reviewer on the dev packages.")
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="an installed model")
    parser.add_argument("--count", type=int, default=FUNCTIONS, help="functions a package")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long to measure, at most")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--write", action="store_true", help=f"write {calibration.TABLE.name}")
    chosen = parser.parse_args()
    entry = find_entry(chosen.model)
    run = Run(Answers.open_default(), time.monotonic() + chosen.seconds, chosen.threads)
    items = [
        (Key("likelihood", identify(entry), "fit", one.name, read_revision()), one)
        for one in choose_samples(chosen.count)
    ]

    def open_layer(stack: ExitStack) -> Callable[[Sample], dict[str, Any]]:
        """Load the model; return a function that measures a sample. `stack` frees the model."""
        model = load(entry, device="cpu", threads=chosen.threads)
        stack.callback(model.close)
        return lambda one: pack_function(measure_function(one, model))

    run.collect(items, open_layer)
    found = [unpack_function(answer) for key, _ in items if (answer := run.answers.get(key)) is not None]
    print(f"{len(found)} of {len(items)} functions measured")
    fit_and_report(entry.name, entry.parameters, found, write_it=chosen.write)
    return 0


def fit_and_report(model: str, parameters: int, functions: Sequence[Measured], *, write_it: bool) -> None:
    """Fit the measured functions, print the findings, and write the table of `model` if `write_it`."""
    packages = {one.package for one in functions}
    held_out = {name: fit_weights([one for one in functions if one.package != name]) for name in packages}
    print_report(functions, held_out)
    threshold, precise, judgement = choose_threshold(functions, held_out)
    print(f"threshold {threshold:.2f}, {'precise' if precise else 'not precise'}: {judgement}")
    if write_it:
        write_table(model, parameters, Calibration(precise, threshold, fit_weights(functions)), judgement)
        print(f"written: {calibration.TABLE.name}")


if __name__ == "__main__":
    sys.exit(main())
