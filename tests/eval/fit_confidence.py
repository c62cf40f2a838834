"""Fits the constants of `agents/generator/confidence.py` to what the bundled model says in the dev packages.

`python -m tests.eval.fit_confidence` asks the generator at each place as while typing, notes what the model's lines and
drafts were judged by and whether they are right, fits one logistic regression for each kind, and prints the constants
with their calibration, each package judged by a fit to the other three. Writes nothing: what it prints goes into that
file by hand.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from agents.generator import confidence
from agents.generator.decoding import Decoder
from agents.generator.generator import Generator
from agents.records import Origin, Trigger
from indexing.index import Index
from indexing.records import Document
from tests.eval import data, masks
from tests.eval.bundled import bundled_model
from tests.eval.line_completion import INDEX_WAIT_S, PATIENT, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from agents.generator.decoding import Outcome
    from models.completion import CompletionModel
    from tests.eval.masks import Place

PLACES = 400  # a package
RIDGE = 1.0
STEPS = 50
UNKNOWN = 0.018  # `confidence`'s figure for recall that has nothing
LEVELS = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
KINDS = ("_DRAFT", "_AGREED", "_ALONE")
Judgement = tuple[str, float, float]  # kind, recall's figure, sum of the first line's log-probabilities


@dataclass(frozen=True)
class Judged:
    """One line at one place.

    Attributes:
        package: where the place is.
        kind: one of `KINDS`.
        recalled: recall's figure.
        log_prob: sum over the tokens of the line.
        right: whether it is the rest of the line.
    """

    package: str
    kind: str
    recalled: float
    log_prob: float
    right: bool

    @property
    def features(self) -> tuple[float, float, float]:
        """What the regression weighs, as `confidence` does."""
        said = min(max(self.recalled, UNKNOWN), 1 - 1e-6)
        return 1.0, math.log(said / (1 - said)), max(self.log_prob, math.log(1e-12))


class Notes:
    """What the generator's judge was asked, in order, and what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[Judgement] = []
        self.outcomes: list[tuple[list[Judgement], Outcome]] = []

    def of_draft(self, recalled: Any, log_probs: Sequence[float], parameters: int = 0) -> float:
        """In the place of `confidence.of_draft`."""
        self.asked.append(("_DRAFT", confidence.of_recall(recalled), sum(log_probs)))
        return OF_DRAFT(recalled, log_probs, parameters)

    def of_generation(
        self,
        log_probs: Sequence[float],
        parameters: int = 0,
        *,
        agreed: float | None = None,
        other: float | None = None,
    ) -> float:
        """In the place of `confidence.of_generation`."""
        kind = "_ALONE" if agreed is None else "_AGREED"
        said = agreed if agreed is not None else UNKNOWN if other is None else other
        self.asked.append((kind, said, sum(log_probs)))
        return OF_GENERATION(log_probs, parameters, agreed=agreed, other=other)

    def work(self, decoder: Decoder, run: Any) -> Outcome:
        """In the place of `Decoder.work`."""
        self.asked = []
        outcome = WORK(decoder, run)
        self.outcomes.append((self.asked, outcome))
        return outcome


OF_DRAFT, OF_GENERATION, WORK = confidence.of_draft, confidence.of_generation, Decoder.work


def judged(package: data.Package, model: CompletionModel, count: int) -> list[Judged]:
    """What the model says at the places of one package."""
    notes, found = Notes(), []
    with (
        tempfile.TemporaryDirectory() as storage,
        mock.patch.object(confidence, "of_draft", notes.of_draft),
        mock.patch.object(confidence, "of_generation", notes.of_generation),
        mock.patch.object(Decoder, "work", lambda decoder, run: notes.work(decoder, run)),  # noqa: PLW0108 - binds
    ):
        index = Index([package.root], storage=Path(storage))
        try:
            index.start()
            if not index.wait(INDEX_WAIT_S):
                raise SystemExit(f"{package.name} was not indexed: {index.status()}")
            for place in masks.places(package, count):
                notes.outcomes.clear()
                ask(index, model, place)
                found += [one for asked, outcome in notes.outcomes for one in seen(package.name, place, asked, outcome)]
        finally:
            index.close()
    return found


def ask(index: Index, model: CompletionModel, place: Place) -> None:
    """Complete one place as while typing."""
    document = Document(place.path.as_uri(), place.path, "python", place.holed, 1)
    index.put(document)
    generator = Generator(index, model, policy=replace(PATIENT, adaptive=False))
    try:
        generator.complete(document, place.start, trigger=Trigger.AUTOMATIC, cancelled=never)
    finally:
        generator.close()
        index.drop(document.uri)


def seen(package: str, place: Place, asked: list[Judgement], outcome: Outcome) -> list[Judged]:
    """The candidates of one model run with what they were judged by."""
    lines = []
    for (kind, said, log_prob), candidate in zip(asked, outcome.candidates, strict=True):
        if (kind == "_DRAFT") != (candidate.origin is Origin.DRAFT):
            raise SystemExit("A model run judges its drafts first, and each candidate once; this one did not.")
        insertion = candidate.insertion
        text = place.holed[: place.start] + insertion.text + place.holed[place.start + insertion.end :]
        line = text[place.start :].split("\n", 1)[0]
        lines.append(Judged(package, kind, said, log_prob, line.strip() == place.target.strip()))
    return lines


def fitted(lines: Sequence[Judged]) -> NDArray[np.float64]:
    """Weights of a logistic regression with a small ridge penalty, by Newton's method. Shape (features,)."""
    rows = np.array([line.features for line in lines])
    right = np.array([float(line.right) for line in lines])
    penalty = np.diag([0.0] + [RIDGE] * (rows.shape[1] - 1))
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        gradient = rows.T @ (right - probabilities) - penalty @ weights
        hessian = (rows * (probabilities * (1 - probabilities))[:, None]).T @ rows + penalty
        weights += np.linalg.solve(hessian + 1e-9 * np.eye(len(weights)), gradient)
    return weights


def held_out(
    lines: Sequence[Judged], fit: Callable[[Sequence[Judged]], NDArray[np.float64]]
) -> list[tuple[float, bool]]:
    """Each line with its probability by a fit to the other packages."""
    found = []
    for package in sorted({line.package for line in lines}):
        weights = fit([line for line in lines if line.package != package])
        own = [line for line in lines if line.package == package]
        found += [(float(1 / (1 + np.exp(-(np.array(line.features) @ weights)))), line.right) for line in own]
    return found


def calibration(figures: Sequence[tuple[float, bool]]) -> list[str]:
    """Said and seen, by levels of what was said."""
    rows = []
    for low, high in itertools.pairwise(LEVELS):
        some = [(said, right) for said, right in figures if low <= said < high]
        if some:
            said, right = np.mean(some, axis=0)
            rows.append(f"  said {low:4.2f} to {high:4.2f}: {len(some):4} lines, said {said:.3f}, right {right:.3f}")
    return rows


def main() -> int:
    """Collect, fit, print."""
    parser = argparse.ArgumentParser(description="Fit the confidence of suggestions on the dev packages.")
    parser.add_argument("--count", type=int, default=PLACES, help="places a package")
    chosen = parser.parse_args()
    lines: list[Judged] = []
    with bundled_model() as model:
        for package in data.packages("dev"):
            lines += judged(package, model, chosen.count)
            print(f"{package.name} done", file=sys.stderr, flush=True)
    for kind in KINDS:
        some = [line for line in lines if line.kind == kind]
        right = sum(line.right for line in some)
        weights = ", ".join(f"{weight:.3f}" for weight in fitted(some))
        print(f"{kind} = ({weights})  # {len(some)} lines, {right / len(some):.1%} right")
        print(*calibration(held_out(some, fitted)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
