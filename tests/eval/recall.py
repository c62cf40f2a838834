"""Measures recall alone: the rest of a line from the package's own text; also fits the weights of recall.

`python -m tests.eval.recall` measures the test packages and writes `recall.csv`, with the copy floor and a throw-away
version (the longest match of tokens in other files, votes by its length squared) beside it; `--split dev` only prints;
`--fit` fits `indexing/recall/recall.toml` on the dev packages.
The asking file ends at the cursor; the text after the line is its suffix; the line itself is in neither.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexing.recall import candidates, recall
from indexing.recall import recall_confidence as confidence
from indexing.recall.pools import CursorText as Cursor
from indexing.recall.pools import Origin
from indexing.segments import Segment, View, analyze, build
from indexing.storage.segment_files import SegmentFile
from tests.eval import data, masks, tables
from tests.eval.copying import CopyFloor
from tests.eval.metrics import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tests.eval.masks import Place
    from tests.eval.tables import Cell

TABLE = "recall.csv"
PLACES = 100  # a package
PLACES_TO_FIT = 600
SHOWN = (0.5, 0.8)  # confidence from which a line counts as shown; the second is the cautious one
# of the places, surest first: where the throw-away version was first measured, at precision 0.68 and 0.48
SHARES = (0.067, 0.157)
PENALTY = 3.0  # of the squared standardised weights
LEFT_OUT = {"fastapi", "scrapy"}  # large; recall was first measured without them


@dataclass(frozen=True)
class Answer:
    """Answer of one arm at one place: the text, "" for nothing, and its confidence."""

    text: str
    confidence: float


@dataclass
class Workspace:
    """A package opened as a workspace view."""

    view: View
    keys: dict[str, tuple[str, int]]

    @classmethod
    def of(cls, package: data.Package, folder: Path) -> Workspace:
        """Index the files of a package."""
        files = []
        keys = {}
        for number, path in enumerate(package.files()):
            relative = path.relative_to(package.root).as_posix()
            keys[relative] = ("", number)
            blob = analyze(path.read_text(encoding="utf-8", errors="surrogateescape"), (), (), (), "python")
            files.append(SegmentFile(number, relative, 0.0, blob))
        target = folder / f"{package.name}.segment"
        build(target, files)
        return cls(View([("", Segment.open(target))], {}, ()), keys)

    def ask(self, place: Place) -> Answer:
        """Return the best continuation."""
        matches = self.view.recall(
            place.text[: place.start],
            place.text[place.end :],
            language="python",
            own=self.keys[place.relative],
            whole_block=False,
            limit=1,
            deadline=None,
        )
        return Answer(matches[0].text, matches[0].confidence) if matches else Answer("", 0.0)

    def hypotheses(self, place: Place) -> tuple[list[str], NDArray[np.float64]]:
        """Return all continuations with their features."""
        here, candidates = self.candidates(place)
        found = recall.collect_hypotheses(here, candidates)
        if not found:
            return [], np.zeros((0, len(confidence.FEATURES)))
        kept, rows = confidence.describe(here, found, candidates)
        return [hypothesis.text.strip() for hypothesis in kept], rows

    def candidates(self, place: Place) -> tuple[Cursor, list[candidates.Candidate]]:
        """Return recall's request for the place, and the candidates found."""
        here = Cursor.of(place.text[: place.start], place.text[place.end :])
        pools = self.view.list_pools(self.keys[place.relative])
        return here, recall.find_candidates(here, pools, None) if len(here.context) else []

    def throw_away(self, place: Place) -> Answer:
        """Return the longest match over the other files, votes weighted by squared length: the throw-away version.

        Its two thresholds become steps of the confidence: 0.9 for 12 tokens and 90 % of the votes, 0.6 for 8 and half.
        """
        here, candidates = self.candidates(place)
        others = [candidate for candidate in candidates if candidate.pool.origin is Origin.WORKSPACE]
        for candidate in others:
            candidate.renames = {}
        votes: dict[str, int] = {}
        longest: dict[str, int] = {}
        for hypothesis in recall.collect_hypotheses(here, others):
            lengths = [candidate.exact for candidate, _ in hypothesis.voters]
            votes[hypothesis.text] = sum(length**2 for length in lengths)
            longest[hypothesis.text] = max(lengths)
        if not votes:
            return Answer("", 0.0)
        text = max(votes, key=lambda said: votes[said])
        share = votes[text] / sum(votes.values())
        sure = 0.9 if longest[text] >= 12 and share >= 0.9 else 0.6 if longest[text] >= 8 and share >= 0.5 else 0.0
        return Answer(text, sure)


def list_packages(split: str) -> list[data.Package]:
    """Return the packages of a split."""
    return [package for package in data.list_packages(split) if package.name not in LEFT_OUT]


def index_packages(split: str) -> Iterator[tuple[data.Package, Workspace]]:
    """Yield each package of a split, indexed."""
    with tempfile.TemporaryDirectory() as folder:
        for package in list_packages(split):
            yield package, Workspace.of(package, Path(folder))


def make_row(name: str, arm: str, places: Sequence[Place], answers: Sequence[Answer]) -> dict[str, Cell]:
    """Return one line of the table."""
    outcomes = [Outcome.of(place.target, answer.text) for place, answer in zip(places, answers, strict=True)]
    cells: dict[str, Cell] = {"package": name, "arm": arm, "n": len(places)}
    cells |= tables.format_interval("exact", [outcome.exact for outcome in outcomes])
    cells |= tables.format_interval("similarity", [outcome.similarity for outcome in outcomes])
    for threshold in SHOWN:
        shown = [
            outcome.exact for outcome, answer in zip(outcomes, answers, strict=True) if answer.confidence >= threshold
        ]
        cells[f"shown_{threshold}"] = round(len(shown) / len(places), 3) if arm != "copy floor" else ""
        cells |= tables.format_interval(f"precision_{threshold}", shown if arm != "copy floor" else [])
    for share in SHARES:
        surest = sorted(zip(answers, outcomes, strict=True), key=lambda pair: -pair[0].confidence)
        cells |= {f"precision_of_{share}": ""}
        if arm == "recall":
            cells[f"precision_of_{share}"] = round(
                float(np.mean([outcome.exact for _, outcome in surest[: round(share * len(surest))]])), 3
            )
    return cells


def measure_split(split: str) -> list[dict[str, Cell]]:
    """Return the table of a split: each package and all together, by arm."""
    rows = []
    everything: dict[str, tuple[list[Place], list[Answer]]] = {}
    for package, workspace in index_packages(split):
        places = masks.choose_places(package, PLACES)
        floor = CopyFloor.of(package.files())
        arms = {
            "recall": [workspace.ask(place) for place in places],
            "throw-away": [workspace.throw_away(place) for place in places],
            "copy floor": [Answer(floor.complete(place), 0.0) for place in places],
        }
        for arm, answers in arms.items():
            rows.append(make_row(package.name, arm, places, answers))
            all_places, all_answers = everything.setdefault(arm, ([], []))
            all_places += places
            all_answers += answers
    return rows + [make_row("all", arm, places, answers) for arm, (places, answers) in everything.items()]


def fit_weights() -> None:
    """Fit the weights on the dev packages and write them."""
    inputs, right, count = [], [], 0
    for package, workspace in index_packages("dev"):
        places = masks.choose_places(package, PLACES_TO_FIT)
        count += len(places)
        for place in places:
            texts, rows = workspace.hypotheses(place)
            inputs.append(rows)
            right += [text == place.target.strip() for text in texts]
        print(f"{package.name}: {len(places)} places", file=sys.stderr)
    weights = fit_logistic(np.concatenate(inputs), np.array(right, dtype=np.float64))
    packages = ", ".join(f"{package.name} {package.version}" for package in list_packages("dev"))
    how = f"logistic regression with a ridge penalty of {PENALTY} on the standardised features"
    lines = [
        "# Weights of indexing/recall/recall_confidence.py: the log-odds that a recalled line is exactly right.",
        f"# Written by `python -m tests.eval.recall --fit`: {how},",
        f"# {len(right)} continuations at {count} places in {packages}.",
        "# How it does on packages it was not fitted on: tests/eval/recall.csv.",
        "",
        "[weights]",
        *(f"{name} = {value:.4f}" for name, value in zip(confidence.FEATURES, weights.tolist(), strict=True)),
        "",
    ]
    confidence.WEIGHTS.write_text("\n".join(lines), encoding="utf-8")


def fit_logistic(inputs: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of a logistic regression by Newton's method; the first feature is constant."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0
    mean[0], deviation[0] = 0.0, 1.0
    scaled = (inputs - mean) / deviation
    weights = np.zeros(scaled.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-scaled @ weights))
        gradient = scaled.T @ (right - likely) - PENALTY * weights
        curvature = (scaled * (likely * (1 - likely))[:, None]).T @ scaled + PENALTY * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    plain: NDArray[np.float64] = weights / deviation
    plain[0] -= float((weights * mean / deviation).sum())
    return plain


def main() -> int:
    """Measure or fit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--fit", action="store_true", help="fit the weights on the dev packages instead")
    options = parser.parse_args()
    if options.fit:
        fit_weights()
        return 0
    rows = measure_split(options.split)
    if options.split == "test":
        tables.write_table(TABLE, rows)
    for cells in rows:
        print(*(f"{name}={value}" for name, value in cells.items() if not name.endswith(("_low", "_high"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
