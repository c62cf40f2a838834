"""Fit of the probability that code begins as recalled lines begin, and as a model's lines begin.

`python -m tests.eval.fit_beginnings` recalls at the keys of replayed typing in the dev packages, fits one logistic
regression on the evidence of `agents/completion/beginnings.py`, and prints its constants `WEIGHTS`. `--model` asks the
bundled model, too, and writes the weights to its `show-filter.json`. For each package, the predicted and the observed
share of right ones by a fit to the other packages are printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest import mock

from agents.completion import scoring, sources
from agents.completion.beginnings import WEIGHTS, list_beginnings
from agents.completion.generator import Generator
from agents.suggestions import Trigger
from indexing.syntax.documents import Document
from models.catalog.show_filter import BEGINNING, BEGINNING_EVIDENCE, FILE, ShowFilter
from tests.eval import data
from tests.eval.bundled import find_bundled_entry, open_model
from tests.eval.fit_show_filter import fit_weights
from tests.eval.line_completion import PATIENT, never_cancel, open_index
from tests.eval.replayed_typing import choose_spans, take_key
from tests.eval.show_filter_data import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.completion.beginnings import Beginning
    from indexing.index import Index
    from models.completion import CompletionModel

SPANS, SPANS_WITH_MODEL = 80, 24  # of each dev package
BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass
class Notes:
    """The beginnings of the last key, recorded in place of choosing among them.

    Attributes:
        with_model: whether the beginnings of a model's lines are wanted, or those of recalled lines.
        found: the beginnings.
    """

    with_model: bool
    found: list[Beginning] = field(default_factory=list)

    def record(self, recalled: Any, _: float, *, model_lines: Any = (), **_weights: Any) -> list[Any]:
        """Record the beginnings, and return none of them; replaces `beginnings.list_best`."""
        if bool(model_lines) is self.with_model:
            self.found = list(list_beginnings(recalled, model_lines))
        return []


def collect(package: data.Package, model: CompletionModel | None) -> Iterator[Line]:
    """Yield the beginnings at all keys of the spans of a package, each with its evidence and whether it is right."""
    notes = Notes(model is not None)
    with (
        open_index(package) as index,
        mock.patch.object(sources, "list_best", notes.record),
        mock.patch.object(scoring, "list_best", notes.record),
    ):
        for place, code in choose_spans(package, SPANS if model is None else SPANS_WITH_MODEL):
            below = place.text[place.start + len(code) :]
            text, remaining = place.text[: place.start], code
            opened = Document(place.path.as_uri(), place.path, "python", text + below, 1)
            index.open_document(opened)
            while remaining:
                key = take_key(remaining)
                text, remaining = text + key, remaining[len(key) :]
                notes.found = []
                _complete(index, model, replace(opened, text=text + below), len(text))
                for one in notes.found:
                    yield Line(BEGINNING, one.evidence, 0.0, is_right(one.text, remaining))
            index.close_document(opened.uri)


def _complete(index: Index, model: CompletionModel | None, document: Document, offset: int) -> None:
    """Complete at `offset` as while typing, with a new generator."""
    index.open_document(document)
    generator = Generator(index, model, policy=PATIENT)
    try:
        generator.complete(document, offset, trigger=Trigger.AUTOMATIC, cancelled=never_cancel)
    finally:
        generator.close()


def is_right(beginning: str, remaining: str) -> bool:
    """Return whether `remaining` begins with `beginning`, and with the whole of its last word."""
    following = remaining[len(beginning) : len(beginning) + 1]
    whole = not ((beginning[-1].isalnum() or beginning[-1] == "_") and (following.isalnum() or following == "_"))
    return remaining.startswith(beginning) and whole


def describe_fit(lines: Sequence[Line], weights: dict[str, float]) -> str:
    """Return the predicted and the observed share of right lines by bins of probability."""
    judge = ShowFilter({BEGINNING: weights})
    figures = [(judge.estimate_probability(BEGINNING, one.evidence), one.right) for one in lines]
    parts = []
    for low, high in pairwise(BINS):
        some = [one for one in figures if low <= one[0] < high]
        if some:
            said, right = (sum(column) / len(some) for column in zip(*some, strict=True))
            parts.append(f"{said:.2f} said, {right:.2f} right of {len(some)}")
    return "; ".join(parts)


def fit(found: Mapping[str, Sequence[Line]], names: Sequence[str]) -> dict[str, float]:
    """Return the weights for the evidence `names` of all packages, and print how well they fit each of them."""
    for name, lines in found.items():
        others = [one for other, some in found.items() if other != name for one in some]
        print(f"{name}: {describe_fit(lines, fit_weights(others, names))}")
    return fit_weights([one for lines in found.values() for one in lines], names)


def write_weights(found: Mapping[str, Sequence[Line]]) -> None:
    """Fit the beginnings of the bundled model's lines, and write the weights to its show-filter."""
    target = find_bundled_entry().folder / FILE
    content = json.loads(target.read_text(encoding="utf-8"))
    lines = [one for some in found.values() for one in some]
    content["kinds"][BEGINNING] = {
        "n": len(lines),
        "right": round(sum(one.right for one in lines) / len(lines), 3),
        "weights": fit(found, BEGINNING_EVIDENCE),
    }
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"written: {target}")


def main() -> int:
    """Collect, fit and print, or write the weights of the bundled model for `--model`; return the exit status."""
    parser = argparse.ArgumentParser(description="Fit the probability of beginnings of lines.")
    parser.add_argument("--model", action="store_true", help="of the bundled model's lines, too")
    packages = data.list_packages("dev")
    if parser.parse_args().model:
        entry = find_bundled_entry()
        known = entry.show_filter.weights if entry.show_filter is not None else {}
        with open_model(replace(entry, show_filter=ShowFilter({**known, BEGINNING: {"one": 0.0}}))) as model:
            write_weights({package.name: list(collect(package, model)) for package in packages})
        return 0
    weights = fit({package.name: list(collect(package, None)) for package in packages}, tuple(WEIGHTS))
    print("\n".join(["WEIGHTS = {", *(f'    "{name}": {weights.get(name, 0.0):.4f},' for name in WEIGHTS), "}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
