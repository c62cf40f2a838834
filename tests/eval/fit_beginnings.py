"""Fit of the probability that code begins as recalled lines begin.

`python -m tests.eval.fit_beginnings` recalls at the keys of replayed typing in the dev packages, fits one logistic
regression on the evidence of `agents/completion/beginnings.py`, and prints its constants `WEIGHTS`, and for each
package the predicted and the observed share of right ones by a fit to the other packages.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from agents.completion.beginnings import WEIGHTS, list_beginnings
from agents.completion.cursor import Cursor
from indexing.syntax.documents import Document
from models.catalog.show_filter import ShowFilter
from tests.eval import data
from tests.eval.fit_show_filter import fit_weights
from tests.eval.line_completion import open_index
from tests.eval.replayed_typing import choose_spans, take_key
from tests.eval.show_filter_data import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPANS = 40  # of each dev package
LINES = 16  # recalled lines at a key
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def collect(package: data.Package) -> Iterator[Line]:
    """Yield the beginnings at all keys of the spans of a package, each with its evidence and whether it is right."""
    with open_index(package) as index:
        for place, code in choose_spans(package, SPANS):
            below = place.text[place.start + len(code) :]
            text, remaining = place.text[: place.start], code
            opened = Document(place.path.as_uri(), place.path, "python", text + below, 1)
            index.open_document(opened)
            while remaining:
                key = take_key(remaining)
                text, remaining = text + key, remaining[len(key) :]
                document = replace(opened, text=text + below)
                recalled = index.recall(document, len(text), limit=LINES)
                for one in list_beginnings(recalled, Cursor.at(document, len(text))):
                    yield Line("beginning", one.evidence, 0.0, is_right(one.text, remaining))
            index.close_document(opened.uri)


def is_right(beginning: str, remaining: str) -> bool:
    """Return whether `remaining` begins with `beginning`, and with the whole of its last word."""
    following = remaining[len(beginning) : len(beginning) + 1]
    whole = not (beginning[-1].isidentifier() and (following.isalnum() or following == "_"))
    return remaining.startswith(beginning) and whole


def describe_fit(lines: Sequence[Line], weights: dict[str, float]) -> str:
    """Return the predicted and the observed share of right lines by bins of probability."""
    judge = ShowFilter({"beginning": weights})
    figures = [(judge.estimate_probability("beginning", one.evidence), one.right) for one in lines]
    parts = []
    for low, high in pairwise(BINS):
        some = [one for one in figures if low <= one[0] < high]
        if some:
            said, right = (sum(column) / len(some) for column in zip(*some, strict=True))
            parts.append(f"{said:.2f} said, {right:.2f} right of {len(some)}")
    return "; ".join(parts)


def main() -> int:
    """Collect, fit and print; return the exit status."""
    names = tuple(WEIGHTS)
    found = {package.name: list(collect(package)) for package in data.list_packages("dev")}
    for name, lines in found.items():
        others = [one for other, some in found.items() if other != name for one in some]
        print(f"{name}: {describe_fit(lines, fit_weights(others, names))}")
    weights = fit_weights([one for lines in found.values() for one in lines], names)
    print("\n".join(["WEIGHTS = {", *(f'    "{name}": {weights.get(name, 0.0):.4f},' for name in names), "}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
