"""Fit of the weights by which resolution ranks the definitions that the next line may call.

`python -m tests.eval.fit_likely_definitions` prints `WEIGHTS` for `indexing/resolution/likelihood.py`, and how often
the right definition is among the first ones on each dev package, with weights fitted on the other dev packages. The
calls are those of the dev packages and dev applications that resolution itself follows to another file, without those
of `retrieval.csv`. A conditional logit model: the called definition against other candidates of the same place, a
random sample of them, each place with and without the text after the call.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexing.resolution import likely
from tests.eval import data, retrieval
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

CALLS = 300  # a package
TRIES = 6  # calls looked at for each one that is wanted
OTHERS = 40  # candidates of a place, beside the called one, of which the weights are fitted
STEPS = 200
RATE = 0.1
SHRINKAGE = 0.02
DECIMALS = 2


@dataclass(frozen=True)
class Place:
    """A call in a package: the features of its candidates, and the number of the called one."""

    package: str
    features: tuple[dict[str, float], ...]
    called: int


def main() -> int:
    """Fit, and print the weights and the figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of each package")
    calls = parser.parse_args().calls
    places: list[Place] = []
    with tempfile.TemporaryDirectory() as folder:
        for package in (*retrieval.list_packages("dev"), *data.list_applications("dev")):
            places += list_places(package, Path(folder), calls)
    names = sorted({name for place in places for features in place.features for name in features})
    for held in sorted({place.package for place in places}):
        weights = fit([place for place in places if place.package != held], names)
        ranks = [rank(place, names, weights) for place in places if place.package == held]
        within = np.mean([each <= 5 for each in ranks])  # R@5
        print(f"{held}: n={len(ranks)} recall_5={within:.3f} mrr={np.mean([1 / each for each in ranks]):.3f}")
    for name, weight in zip(names, fit(places, names), strict=True):
        print(f'    "{name}": {weight:.{DECIMALS}f},')
    return 0


def list_places(package: data.Package, folder: Path, calls: int) -> list[Place]:
    """Return up to `calls` random calls of a package that lead to another file, each seen in two ways."""
    workspace = retrieval.Workspace.index(package, folder)
    found: list[Place] = []
    for site in _iterate_sites(package, workspace, calls):
        seen = retrieval.cut_text(workspace.texts[site.relative], site)
        for arm in ("starling", "starling_middle"):
            names = workspace.open_names(site.relative, *seen[arm])
            own = workspace.keys[site.relative]
            ranked = list(likely.iterate_features(names, workspace.view, own=own, deadline=None))
            places = [each.reference for each, _ in ranked]
            called = [
                number
                for number, each in enumerate(places)
                if (each.source.relative, each.definition.line) == (site.target, site.target_line)
            ]
            if called and len(ranked) > 1:
                found.append(Place(package.name, tuple(features for _, features in ranked), called[0]))
    return found


def _iterate_sites(package: data.Package, workspace: retrieval.Workspace, calls: int) -> Iterator[retrieval.Site]:
    """Yield up to `calls` random calls that resolution follows to a function or class in another file."""
    measured = {(site.relative, site.line) for site in retrieval.load_sites(package)}
    places = [
        (relative, line, column)
        for path in package.list_files()
        for relative in [path.relative_to(package.root).as_posix()]
        for line, column in retrieval.find_calls(path)
        if (relative, line - 1) not in measured
    ]
    random.Random(SEED).shuffle(places)  # noqa: S311 - a sample that repeats, no secret
    left = calls
    for relative, line, column in places[: TRIES * calls]:
        if not left:
            return
        lines = workspace.texts[relative].split("\n")
        begun = lines[line - 1].encode()[:column].decode(errors="replace")
        offset = sum(len(each) + 1 for each in lines[: line - 1]) + len(begun)
        names = workspace.open_names(relative, workspace.texts[relative], offset)
        target = next(iter(names.find_definitions()), None)
        if target is not None and target.kind in {"function", "class"} and target.key is not None:
            left -= 1
            yield retrieval.Site(relative, line - 1, target.relative, target.line, column)


def fit(places: Sequence[Place], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the weight of each feature in `names`, fitted with Adam."""
    places = [_draw_others(place, random.Random(f"{SEED} {number}")) for number, place in enumerate(places)]  # noqa: S311 - as above
    rows = np.concatenate([_make_rows(place, names) for place in places])
    scale = rows.std(axis=0) + 1e-6
    rows /= scale
    sizes = np.array([len(place.features) for place in places])
    owner, starts = np.repeat(np.arange(len(places)), sizes), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    called = starts + np.array([place.called for place in places])
    weights, first, second = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
    for step in range(1, STEPS + 1):
        scores = rows @ weights
        shares = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
        shares /= np.add.reduceat(shares, starts)[owner]
        slope = (shares @ rows - rows[called].sum(axis=0)) / len(places) + SHRINKAGE * weights
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        weights -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return weights / scale


def _draw_others(place: Place, chance: random.Random) -> Place:
    """Return the place with its called definition first, and up to `OTHERS` random other candidates."""
    others = [features for number, features in enumerate(place.features) if number != place.called]
    chosen = others if len(others) <= OTHERS else chance.sample(others, OTHERS)
    return Place(place.package, (place.features[place.called], *chosen), 0)


def rank(place: Place, names: Sequence[str], weights: NDArray[np.float64]) -> int:
    """Return the rank, from 1, of the called definition among its candidates."""
    scores = _make_rows(place, names) @ weights
    return 1 + int((scores > scores[place.called]).sum())


def _make_rows(place: Place, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of each candidate as a row."""
    return np.array([[features.get(name, 0.0) for name in names] for features in place.features])


if __name__ == "__main__":
    sys.exit(main())
