"""Candidates of the generator at the keys of replayed typing, with their evidence and whether each is right.

Collected once for a model and a split, and stored under `.cache/eval/`: collecting takes minutes, fitting seconds.
Start at `collect` and `read_keys`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from agents.completion.answers import Answers
from agents.completion.candidates import is_nontrivial
from agents.completion.decoding import Decoder
from agents.completion.generator import Generator
from agents.suggestions import Origin, Trigger
from indexing.syntax.documents import Document
from models.local.weights_file import WEIGHTS_FILE
from tests.eval import data
from tests.eval.bundled import open_model
from tests.eval.line_completion import PATIENT, never_cancel, open_index
from tests.eval.typing_places import choose_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from agents.completion.candidates import Candidate
    from agents.completion.decoding import Outcome
    from indexing.index import Index
    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel
    from tests.eval.masks import Place


CACHE = data.CACHE / "show-filter"


@dataclass(frozen=True)
class Line:
    """A line that could be shown at a key.

    Attributes:
        kind: one of the show filter's kinds, or "recall" for a line without a model.
        evidence: the filter's evidence; empty for recall.
        recalled: recall's confidence for the kind "recall", else 0.
        right: whether it is the rest of the line.
    """

    kind: str
    evidence: Mapping[str, float]
    recalled: float
    right: bool


@dataclass(frozen=True)
class Key:
    """The lines that could be shown at a key; `number` is the number of its line of code in the package's sample."""

    package: str
    number: int
    lines: tuple[Line, ...]


class Notes:
    """A substitute for a model's filter that records the generator's candidates.

    Attributes:
        candidates: candidates at the last key, each with its kind and evidence; None for recall's candidates.
    """

    def __init__(self) -> None:
        self.candidates: list[tuple[Candidate, tuple[str, Mapping[str, float]] | None]] = []
        self._asked: list[tuple[str, Mapping[str, float]]] = []
        self._known: dict[int, tuple[str, Mapping[str, float]]] = {}

    def forget(self) -> None:
        """Clear the record before the next key."""
        self.candidates, self._known = [], {}

    def estimate_probability(self, kind: str, evidence: Mapping[str, float]) -> float:
        """Record kind and evidence, and return 0.5; replaces `ShowFilter.estimate_probability`."""
        self._asked.append((kind, evidence))
        return 0.5

    def decode(self, decoder: Decoder, run: Any) -> Outcome:
        """Decode, and assign the recorded evidence to the candidates; replaces `Decoder.decode`."""
        self._asked.clear()
        outcome = WORK(decoder, run)
        if len(self._asked) == len(outcome.candidates):  # else decoding failed
            self._known = {id(one): asked for one, asked in zip(outcome.candidates, self._asked, strict=True)}
        return outcome

    def choose(
        self, answers: Answers, request: Any, polisher: Any, candidates: Sequence[Candidate], **more: Any
    ) -> Any:
        """Record the candidates with their evidence, and choose among them; replaces `Answers.choose`."""
        self.candidates = [(one, self._known.get(id(one))) for one in candidates]
        return CHOOSE(answers, request, polisher, candidates, **more)


WORK, CHOOSE = Decoder.decode, Answers.choose


def locate_cache(entry: ModelEntry, package: str) -> Path:
    """Return the path of the file that caches the keys of a package for a model."""
    return CACHE / f"{entry.name}-{hash_weights(entry)}-{package}.jsonl"


def collect(entry: ModelEntry, package: data.Package, lines: int, each: int) -> None:
    """Complete after up to `each` keys of up to `lines` lines of a package, and write the candidates to the cache."""
    notes = Notes()
    target = locate_cache(entry, package.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with (
        open_model(replace(entry, show_filter=notes)) as model,  # type: ignore[arg-type] # what the generator calls, it has
        part.open("w", encoding="utf-8") as file,
        mock.patch.object(Decoder, "decode", lambda decoder, run: notes.decode(decoder, run)),  # noqa: PLW0108 - binds
        mock.patch.object(Answers, "choose", lambda *given, **more: notes.choose(*given, **more)),  # noqa: PLW0108
    ):
        for key in _ask_at_keys(package, model, notes, choose_keys(package, lines, each)):
            file.write(json.dumps(asdict(key)) + "\n")
    part.replace(target)
    print(f"{package.name} done", file=sys.stderr, flush=True)


def read_keys(file: Path) -> list[Key]:
    """Return the keys that `collect` wrote to `file`."""
    found = []
    for text in file.read_text(encoding="utf-8").splitlines():
        content = json.loads(text)
        found.append(Key(content["package"], content["number"], tuple(Line(**line) for line in content["lines"])))
    return found


def hash_weights(entry: ModelEntry) -> str:
    """Return eight hexadecimal digits that identify the weights of a model."""
    return data.hash_file(entry.weights / WEIGHTS_FILE)[:8]


def _ask_at_keys(
    package: data.Package, model: CompletionModel, notes: Notes, lines: list[list[Place]]
) -> Iterator[Key]:
    """Complete at each of the places in `lines`; yield the lines that could be shown."""
    with open_index(package) as index:
        for number, places in enumerate(lines):
            for place in places:
                notes.forget()
                _complete_place(index, model, place)
                yield Key(package.name, number, tuple(_label(place, notes)))


def _complete_place(index: Index, model: CompletionModel, place: Place) -> None:
    """Complete `place` as while typing, with a new generator."""
    document = Document(place.path.as_uri(), place.path, "python", place.holed, 1)
    index.open_document(document)
    generator = Generator(index, model, policy=replace(PATIENT, adaptive=False))
    try:
        generator.complete(document, place.start, trigger=Trigger.AUTOMATIC, cancelled=never_cancel)
    finally:
        generator.close()
        index.close_document(document.uri)


def _label(place: Place, notes: Notes) -> Iterator[Line]:
    """Yield the recorded candidates that are worth showing at `place`, with whether each is right."""
    for candidate, asked in notes.candidates:
        insertion = candidate.insertion
        if not is_nontrivial(insertion.text):
            continue
        text = place.holed[: place.start] + insertion.text + place.holed[place.start + insertion.end :]
        right = text[place.start :].split("\n", 1)[0].strip() == place.target.strip()
        if asked is not None:
            yield Line(asked[0], asked[1], 0.0, right)
        elif candidate.origin is Origin.RECALL:
            yield Line("recall", {}, candidate.confidence, right)
