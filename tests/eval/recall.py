"""Measurement of recall alone: the rest of a line from the package's own text and from libraries; also fits recall.

`python -m tests.eval.recall` measures the test packages and applications and writes `recall.csv`: recall from the
package alone, recall with the libraries of its environment, and for packages the copy floor and a throw-away version
(the longest match of tokens in other files, votes by its length squared); `--split dev` only prints; `--fit` fits
`indexing/recall/recall.toml` on the dev packages and applications, each with libraries and without.
The prefix is the file up to the cursor, the suffix is the text after the line; the line itself is in neither.
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
from indexing.segments import Segment, View, build
from indexing.storage import blobs
from indexing.storage.segment_files import SegmentFile
from tests.eval import data, masks, tables
from tests.eval.copying import CopyFloor
from tests.eval.libraries import index_libraries
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
# shares of the places, surest first, at which the throw-away version had a precision of 0.68 and 0.48
SHARES = (0.067, 0.157)
PENALTY = 3.0  # of the squared standardised weights
LEFT_OUT = {"fastapi", "scrapy"}  # large; recall was first measured without them


@dataclass(frozen=True)
class Answer:
    """Answer of an arm at a place: the text ("" for none) and its confidence."""

    text: str
    confidence: float


@dataclass
class Workspace:
    """A package, opened as a view of one segment.

    Attributes:
        view: the view of the package alone.
        libraries: the view with its libraries.
        keys: keys of the files in the view, by path.
    """

    view: View
    libraries: View
    keys: dict[str, tuple[str, int]]

    @classmethod
    def index(cls, package: data.Package, folder: Path) -> Workspace:
        """Write segments of the files of a package and of its libraries to `folder`, and open them."""
        files = []
        keys = {}
        for number, path in enumerate(package.list_files()):
            relative = path.relative_to(package.root).as_posix()
            keys[relative] = ("", number)
            blob = blobs.pack(path.read_text(encoding="utf-8", errors="surrogateescape"), (), (), "python")
            files.append(SegmentFile(number, relative, 0.0, blob))
        target = folder / f"{package.name}.segment"
        build(target, files)
        own = [("", Segment.open(target))]
        return cls(View(own, {}, ()), View(own, {}, (), index_libraries(package, folder)), keys)

    def ask(self, place: Place, *, libraries: bool = False) -> Answer:
        """Return recall's best continuation at `place`, from the package alone or with its libraries."""
        matches = (self.libraries if libraries else self.view).recall(
            place.text[: place.start],
            place.text[place.end :],
            own=self.keys[place.relative],
            whole_block=False,
            limit=1,
            deadline=None,
        )
        return Answer(matches[0].text, matches[0].confidence) if matches else Answer("", 0.0)

    def list_hypotheses(self, place: Place, *, libraries: bool = False) -> tuple[list[str], NDArray[np.float64]]:
        """Return recall's continuations at `place`, and an array of their features (continuations, features)."""
        here, candidates = self.find_candidates(place, libraries=libraries)
        found = recall.collect_hypotheses(here, candidates)
        if not found:
            return [], np.zeros((0, len(confidence.FEATURES)))
        kept, rows = confidence.compute_features(here, found, candidates)
        return [hypothesis.text.strip() for hypothesis in kept], rows

    def find_candidates(self, place: Place, *, libraries: bool = False) -> tuple[Cursor, list[candidates.Candidate]]:
        """Return the text around the cursor at `place` as recall takes it, and the candidates that recall finds."""
        here = Cursor.of(place.text[: place.start], place.text[place.end :])
        pools = (self.libraries if libraries else self.view).list_pools(self.keys[place.relative])
        return here, recall.find_candidates(here, pools, None) if len(here.context) else []

    def ask_throw_away(self, place: Place) -> Answer:
        """Return the answer of the throw-away version: matches in other files vote, weighted by their squared length.

        Its two thresholds become steps of the confidence: 0.9 for 12 tokens and 90 % of the votes, 0.6 for 8 and half.
        """
        here, candidates = self.find_candidates(place)
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
    """Return the packages of a split, without those in `LEFT_OUT`, then its applications."""
    packages = [package for package in data.list_packages(split) if package.name not in LEFT_OUT]
    return packages + data.list_applications(split)


def index_packages(split: str) -> Iterator[tuple[data.Package, Workspace]]:
    """Yield each package of a split with its indexed workspace."""
    with tempfile.TemporaryDirectory() as folder:
        for package in list_packages(split):
            yield package, Workspace.index(package, Path(folder))


def make_row(name: str, arm: str, places: Sequence[Place], answers: Sequence[Answer]) -> dict[str, Cell]:
    """Return the row of the table for a package (`name`) and an arm."""
    outcomes = [Outcome.compare(place.target, answer.text) for place, answer in zip(places, answers, strict=True)]
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
        if arm.startswith("recall"):
            cells[f"precision_of_{share}"] = round(
                float(np.mean([outcome.exact for _, outcome in surest[: round(share * len(surest))]])), 3
            )
    return cells


def measure_split(split: str) -> list[dict[str, Cell]]:
    """Return the rows of the table of a split: each arm for each package, then for all of a kind together."""
    applications = {application.name for application in data.list_applications()}
    rows = []
    everything: dict[tuple[str, str], tuple[list[Place], list[Answer]]] = {}
    for package, workspace in index_packages(split):
        places = masks.choose_places(package, PLACES)
        arms = {
            "recall": [workspace.ask(place) for place in places],
            "recall and libraries": [workspace.ask(place, libraries=True) for place in places],
        }
        if package.name not in applications:
            floor = CopyFloor.of(package.list_files())
            arms["throw-away"] = [workspace.ask_throw_away(place) for place in places]
            arms["copy floor"] = [Answer(floor.complete(place), 0.0) for place in places]
        for arm, answers in arms.items():
            rows.append(make_row(package.name, arm, places, answers))
            kind = "all applications" if package.name in applications else "all"
            all_places, all_answers = everything.setdefault((kind, arm), ([], []))
            all_places += places
            all_answers += answers
    return rows + [make_row(*key, places, answers) for key, (places, answers) in everything.items()]


def fit_weights() -> None:
    """Fit the weights of recall on the dev packages and applications, and write `indexing/recall/recall.toml`."""
    inputs, right, count = [], [], 0
    for package, workspace in index_packages("dev"):
        places = masks.choose_places(package, PLACES_TO_FIT)
        count += len(places)
        for place in places:
            for libraries in (False, True):
                texts, rows = workspace.list_hypotheses(place, libraries=libraries)
                inputs.append(rows)
                right += [text == place.target.strip() for text in texts]
        print(f"{package.name}: {len(places)} places", file=sys.stderr)
    weights = fit_logistic(np.concatenate(inputs), np.array(right, dtype=np.float64))
    packages = ", ".join(f"{package.name} {package.version}" for package in list_packages("dev"))
    how = f"logistic regression with a ridge penalty of {PENALTY} on the standardised features"
    lines = [
        "# Weights of indexing/recall/recall_confidence.py: the log-odds that a recalled line is exactly right.",
        f"# Written by `python -m tests.eval.recall --fit`: {how},",
        f"# {len(right)} continuations at {count} places in {packages},",
        "# with the libraries of their environments and without.",
        "# How it does on packages it was not fitted on: tests/eval/recall.csv.",
        "",
        "[weights]",
        *(f"{name} = {value:.4f}" for name, value in zip(confidence.FEATURES, weights.tolist(), strict=True)),
        "",
    ]
    confidence.WEIGHTS.write_text("\n".join(lines), encoding="utf-8")


def fit_logistic(inputs: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of a logistic regression of `right` on the features `inputs`, by Newton's method.

    The first feature is constant; the others are standardised, and their weights are penalised.
    """
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
    """Measure a split and print its rows, or fit the weights for `--fit`; return the exit status."""
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
