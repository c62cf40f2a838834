"""Fit of the weights by which resolution ranks the definitions that the next line of TypeScript may call.

`python -m tests.eval.fit_likely_typescript` prints `WEIGHTS` for `indexing/resolution/languages/script_weights.py`. The
calls are those of the dev packages that the compiler follows to another file, without the ones of the table. The model
is that of `fit_likely_definitions.py`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.resolution import likely
from tests.eval import retrieval, retrieval_typescript, typescript_packages
from tests.eval.fit_likely_definitions import DECIMALS, Place, fit
from tests.eval.metrics import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 400  # a package
MOST_OTHERS = 119  # candidates beside the called one, chosen at random


def main() -> int:
    """Fit, and print the weights; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls of each package")
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        places = [
            place
            for package in typescript_packages.list_packages("dev")
            for place in _iterate_places(package, Path(folder), calls)
        ]
    names = sorted({name for place in places for features in place.features for name in features})
    for name, weight in zip(names, fit(places, names), strict=True):
        print(f'    "{name}": {weight:.{DECIMALS}f},')
    return 0


def _iterate_places(package: typescript_packages.TypeScriptPackage, folder: Path, calls: int) -> Iterator[Place]:
    """Yield random calls of a package that resolution has among its candidates, each seen as each arm sees it."""
    workspace = retrieval.Workspace.index(package, folder)
    measured = {(site.relative, site.line) for site in retrieval_typescript.load_sites(package)}
    found = [call for call in retrieval_typescript.list_calls(package) if (call[0], call[1]) not in measured]
    chance = random.Random(SEED)  # noqa: S311 - a sample that repeats, no secret
    chance.shuffle(found)
    for site in (retrieval.Site(*call) for call in found[:calls]):
        own = workspace.keys[site.relative]
        for text, offset in retrieval.cut_text(workspace.texts[site.relative], site).values():
            names = workspace.open_names(site.relative, text, offset)
            called, others = [], []
            for candidate, features in likely.iterate_features(names, workspace.view, own=own, deadline=None):
                place = (candidate.reference.source.relative, candidate.reference.definition.line)
                (called if place == (site.target, site.target_line) else others).append(features)
            if called and others:
                chosen = chance.sample(others, min(MOST_OTHERS, len(others)))
                yield Place(package.name, (called[0], *chosen), 0)


if __name__ == "__main__":
    sys.exit(main())
