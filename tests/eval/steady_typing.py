"""Replayed typing in this process, with a clock that stands still while an answer is computed.

`python -m tests.eval.steady_typing` types the spans of `replayed_typing.py` with a generator, without a model and with
the bundled one, and prints the same figures; `--split dev` is for tuning. No answer is late, so the figures do not
depend on the machine or its load; withdrawal of suggestions follows the time between the keys. Writes no table.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING
from unittest import mock

from agents.completion.generator import Generator
from agents.completion.reuse import SuggestionCache
from agents.suggestions import Trigger
from indexing.syntax.documents import Document
from tests.eval import data
from tests.eval.bundled import load_bundled_model
from tests.eval.line_completion import PATIENT, never_cancel, open_index
from tests.eval.replayed_typing import LEAST_ACCEPTED, SPANS, Typed, choose_spans, draw_gaps, make_row, take_key
from tests.eval.wrong_kinds import find_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.suggestions import Suggestion
    from indexing.index import Index
    from tests.eval.masks import Place

ARMS = ("recall", "recall and model")


class Clock:
    """A clock in seconds that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Typist:
    """Types spans of one package with one generator, and counts what is suggested."""

    def __init__(self, index: Index, generator: Generator, clock: Clock) -> None:
        self._index = index
        self._generator = generator
        self._clock = clock
        self._version = 0

    def type_span(self, place: Place, code: str, gap: Iterator[float]) -> Typed:
        """Type `code` at `place`, with times between keys from `gap`; return the counts."""
        text = place.text[: place.start] + place.text[place.start + len(code) :]
        typed, at, remaining, expected = Typed(len(code)), place.start, code, ""
        while remaining:
            new = take_key(remaining)
            text = text[:at] + new + text[at:]
            at, remaining = at + len(new), remaining[len(new) :]
            typed.keys += 1
            shown = self._ask(self._open(place, text), at)
            typed.took_ms.append(0.0)
            self._clock.now += next(gap)
            expected = expected.removeprefix(new) if expected.startswith(new) else ""
            if shown is None or not remaining:
                expected = ""
                continue
            suggested = shown.text[max(0, at - shown.start) :]
            is_new, expected = suggested != expected, suggested
            typed.on_screen += 1
            typed.suggestions += is_new
            if not remaining.startswith(suggested.split("\n", 1)[0]):
                typed.wrong += 1
                kind = find_kind(text, at, suggested, remaining, is_new=is_new)
                typed.kinds[kind] = typed.kinds.get(kind, 0) + 1
            if remaining.startswith(suggested) and len(suggested) >= LEAST_ACCEPTED:
                text = text[:at] + suggested + text[at:]
                at, remaining, expected = at + len(suggested), remaining[len(suggested) :], ""
                typed.accepted += 1
                typed.completed += len(suggested)
                self._open(place, text)
                self._generator.record_accepted(shown.id)
        self._index.close_document(place.path.as_uri())
        self._generator.forget(place.path.as_uri())
        return typed

    def _open(self, place: Place, text: str) -> Document:
        """Open the next version of the document of `place`, with `text`, and return it."""
        self._version += 1
        document = Document(place.path.as_uri(), place.path, "python", text, self._version)
        self._index.open_document(document)
        return document

    def _ask(self, document: Document, at: int) -> Suggestion | None:
        """Return the suggestion that the server would answer with, and count it as shown; None without one."""
        found = self._generator.reuse(document, at) or self._generator.complete(
            document, at, trigger=Trigger.AUTOMATIC, cancelled=never_cancel
        )
        for one in found.suggestions[:1]:
            self._generator.record_shown(one.id)
        return found.suggestions[0] if found.suggestions else None


def type_package(package: data.Package, arm: str, count: int) -> list[Typed]:
    """Type `count` spans of a package in an arm; return the counts of each."""
    clock = Clock()
    with (
        open_index(package) as index,
        load_bundled_model() if arm != ARMS[0] else nullcontext() as model,
        mock.patch("agents.completion.answers.SuggestionCache", return_value=SuggestionCache(clock)),
    ):
        generator = Generator(index, model, policy=PATIENT)
        try:
            typist, gap = Typist(index, generator, clock), draw_gaps()
            return [typist.type_span(place, code, gap) for place, code in choose_spans(package, count)]
        finally:
            generator.close()


def main() -> int:
    """Type, and print a row for each arm; return the exit status."""
    parser = argparse.ArgumentParser(description="Replay typing in this process, without late answers.")
    parser.add_argument("--split", choices=["dev", "test", "new"], default="test")
    parser.add_argument("--count", type=int, default=SPANS, help="spans a package")
    parser.add_argument("--arm", choices=ARMS, help="this one only")
    chosen = parser.parse_args()
    for arm in ARMS if chosen.arm is None else (chosen.arm,):
        typed = [one for each in data.list_packages(chosen.split) for one in type_package(each, arm, chosen.count)]
        row = make_row(arm, typed, 0)
        row = {name: value for name, value in row.items() if not name.startswith(("answers_", "model_runs", "ms_"))}
        print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
