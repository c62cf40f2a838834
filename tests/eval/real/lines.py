"""Measurement of completed lines with a model of real size, compared with the engine alone with the same weights.

`python -m tests.eval.real.lines --model NAME` completes at places of packages that were first published after the
weights were made (`--split new`), stores each answer, and prints the table; `--write` writes `real_lines.csv` of the
stored answers. `--seconds` ends a run early; the next run continues it. Each place is completed by itself, the places
of all packages in turn, so that those of a short run are a sample of all.

The arms: "raw" is the engine with a plain prompt; "asked" is Starling when a person asks for one line and waits as long
as it takes; "asked, by words" the same with definitions found by their names alone, without resolution; "asked, half
other files" the same with half of the prompt for other files' code; "asked, in time" with the usual patience, and more
lines where the syntax asks for them; "typing" what is shown while a person types.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer
from agents.completion.cursor import Cursor
from agents.completion.generator import Generator
from agents.suggestions import Trigger
from indexing.index import Index
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from models.catalog.catalog import PromptShares
from tests.eval import data, masks, tables
from tests.eval.bundled import load_bundled_model
from tests.eval.line_completion import INDEX_WAIT_S, extract_line, never_cancel
from tests.eval.masks import Place
from tests.eval.metrics import SEED, Outcome
from tests.eval.real import figures, raw
from tests.eval.real.answers import Key, read_revision
from tests.eval.real.installed import Watched, identify, load_watched
from tests.eval.real.running import make_parser, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from indexing.records import Hit
    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, Snippet
    from tests.eval.real.answers import Answers
    from tests.eval.real.running import Run
    from tests.eval.tables import Cell

TABLE = "real_lines.csv"
PLACES = 25  # a package
RAW, ASKED, IN_TIME, TYPING, CROWDED, WORDS = ARMS = (
    "raw",
    "asked",
    "asked, in time",
    "typing",
    "asked, half other files",
    "asked, by words",
)
PATIENT = (ASKED, CROWDED, WORDS)
# Copilot's shares of a prompt, which is several times as long.
HALF_OTHERS = PromptShares(prefix=0.35, suffix=0.15, stable=0.35, volatile=0.15)
PATIENT_MS = 600_000.0


class WordIndex(Index):
    """An index that finds definitions by their names alone, not by what names mean."""

    def find_related_definitions(self, *_: object, **__: object) -> tuple[Hit, ...]:
        return ()


@dataclass(frozen=True)
class Site:
    """A place, and its package."""

    package: data.Package
    place: Place

    @property
    def name(self) -> str:
        """Identifier of the site, unique among all."""
        return f"{self.package.name} {self.package.version} {self.place.relative}:{self.place.start}-{self.place.end}"


def choose_sites(split: str, count: int) -> list[Site]:
    """Return `count` places of each package of a split, one of each package in turn, in a fixed random order."""
    of_packages = []
    for package in data.list_packages(split):
        found = [Site(package, place) for place in _load_places(package, count)]
        random.Random(f"{SEED} {package.name}").shuffle(found)  # noqa: S311 - an order that repeats
        of_packages.append(found)
    return [one for one in chain.from_iterable(zip_longest(*of_packages)) if one is not None]


def _load_places(package: data.Package, count: int) -> list[Place]:
    """Return the places of a package, from the cache if they are there, as choosing them takes seconds."""
    drawn_by = hashlib.sha256(Path(masks.__file__).read_bytes()).hexdigest()[:12]
    kept = data.CACHE / "places" / f"{package.name}-{package.version}-{count}-{drawn_by}.json"
    if not kept.exists():
        drawn = masks.choose_places(package, count)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(
            json.dumps([[one.relative, one.start, one.end, one.category, one.cut] for one in drawn]), encoding="utf-8"
        )
        return drawn
    found = []
    for relative, *rest in json.loads(kept.read_text(encoding="utf-8")):
        path = package.root / relative
        found.append(Place(path, relative, path.read_bytes().decode("utf-8"), *rest))
    return found


def make_patient_policy() -> CompletionPolicy:
    """Return the default policy without time limits and without suggestions of more than one line."""
    patience = {"invoked_wait_ms": PATIENT_MS, "asking_ms": PATIENT_MS}
    return replace(CompletionPolicy(), blocks=False, recall_ms=1000.0, context_ms=1000.0, **patience)


def find_line_end(text: str) -> int | None:
    """Return the offset of the end of the first line of `text`; None if `text` has no line break."""
    end = text.find("\n")
    return None if end < 0 else end


def ask_raw(model: raw.Raw, site: Site) -> dict[str, Any]:
    """Have the engine alone complete a place; return the answer."""
    place = site.place
    began = time.perf_counter()
    said = model.fill(place.holed[: place.start], place.holed[place.start :], find_line_end)
    took = (time.perf_counter() - began) * 1000
    return {
        "text": said.text,
        "ms": round(took),
        "prompt_tokens": said.prompt_tokens,
        "answer_tokens": said.answer_tokens,
    }


def ask_starling(
    index: Index, model: Watched, site: Site, arm: str, quick: CompletionModel | None = None
) -> dict[str, Any]:
    """Have Starling complete a place, with a new generator; return the answer.

    Args:
        index: index of the site's package.
        model: the model to measure.
        site: the place.
        arm: the arm, which decides on trigger and time limits.
        quick: small model that a large one is used with; None for none.
    """
    place = site.place
    document = Document(place.path.as_uri(), place.path, "python", place.holed, 1)
    index.open_document(document)  # the file as it stands in the editor hides the one on disk, and with it the target
    generator = Generator(
        index, model, quick=quick, policy=make_patient_policy() if arm in PATIENT else CompletionPolicy()
    )
    trigger = Trigger.AUTOMATIC if arm == TYPING else Trigger.INVOKED
    model.forget()
    began = time.perf_counter()
    try:
        completion = generator.complete(document, place.start, trigger=trigger, cancelled=never_cancel)
        took = (time.perf_counter() - began) * 1000
    finally:
        generator.close()  # waits for a run that was too late
        index.close_document(document.uri)
    first = completion.suggestions[0] if completion.suggestions else None
    told = [one for call in model.calls if call["kind"] == "generate" for one in call["told"]]
    return {
        "text": extract_line(place, completion),
        "ms": round(took + model.spared_ms),
        "shown": first is not None,
        "origin": str(first.origin) if first else "",
        "confidence": round(first.confidence, 3) if first else 0.0,
        "why": completion.why_empty,
        "prompt_tokens": max((one["prompt_tokens"] for one in told), default=0),
        "answer_tokens": sum(one["answer_tokens"] for one in told),
        "calls": model.calls,
    }


@contextmanager
def open_index(package: data.Package, *, resolving: bool = True) -> Iterator[Index]:
    """Index a package, or open its index of an earlier run; close the index at the end of the block.

    The index finds definitions by resolution, too, if `resolving`.

    Raises:
        SystemExit: the package is not indexed in time.
    """
    storage = data.CACHE / "index" / f"{package.name}-{package.version}"
    storage.mkdir(parents=True, exist_ok=True)
    index = (Index if resolving else WordIndex)([package.root], storage=storage)
    try:
        index.start()
        if not index.wait(INDEX_WAIT_S):
            raise SystemExit(f"{package.name} was not indexed: {index.read_status()}")
        yield index
    finally:
        index.close()


def select_differing(sites: Sequence[Site]) -> list[Site]:
    """Return the sites at which a prompt with definitions by resolution holds other code than one without."""
    with ExitStack() as stack:
        indexes: dict[str, list[Index]] = {}
        chosen = []
        for site in sites:
            if site.package.name not in indexes:
                indexes[site.package.name] = [
                    stack.enter_context(open_index(site.package, resolving=resolving)) for resolving in (True, False)
                ]
            resolved, plain = (_gather_context(index, site) for index in indexes[site.package.name])
            if resolved != plain:
                chosen.append(site)
    return chosen


def _gather_context(index: Index, site: Site) -> tuple[Snippet, ...]:
    """Return the code of other files that Starling puts into a large model's prompt at a site."""
    place = site.place
    document = Document(place.path.as_uri(), place.path, "python", place.holed, 1)
    index.open_document(document)
    cursor, policy = Cursor.at(document, place.start), make_patient_policy()
    gathered = ContextGatherer().gather(cursor, Syntax.of(document), index, policy, large_ms=PATIENT_MS)
    index.close_document(document.uri)
    return gathered


def make_key(entry: ModelEntry, arm: str, site: Site) -> Key:
    """Return the key of an arm's answer at a place."""
    return Key("lines", identify(entry), arm, site.name, raw.REVISION if arm == RAW else read_revision())


def collect(entry: ModelEntry, arm: str, chosen: Sequence[Site], run: Run) -> None:
    """Have an arm complete the chosen places that have no stored answer, and store its answers."""
    items = ((make_key(entry, arm, site), site) for site in chosen)
    run.collect(
        items, lambda stack: (_make_raw_arm if arm == RAW else _make_starling_arm)(entry, arm, run.threads, stack)
    )


def _make_raw_arm(entry: ModelEntry, _: str, threads: int, stack: ExitStack) -> Callable[[Site], dict[str, Any]]:
    """Load the engine alone; return a function that completes a place. `stack` frees the model."""
    model = raw.Raw(entry, threads)
    stack.callback(model.close)
    return lambda site: ask_raw(model, site)


def _make_starling_arm(entry: ModelEntry, arm: str, threads: int, stack: ExitStack) -> Callable[[Site], dict[str, Any]]:
    """Load a model for Starling; return a function that completes a place as `arm` does. `stack` frees the model."""
    divided = replace(entry, shares=HALF_OTHERS) if arm == CROWDED else entry
    model = load_watched(divided, threads, timed=arm not in PATIENT)
    stack.callback(model.model.close)
    quick = stack.enter_context(load_bundled_model()) if entry.large else None
    indexes: dict[str, Index] = {}

    def answer(site: Site) -> dict[str, Any]:
        """Complete a place in the index of its package, which is opened once."""
        name = site.package.name
        if name not in indexes:
            indexes[name] = stack.enter_context(open_index(site.package, resolving=arm != WORDS))
        return ask_starling(indexes[name], model, site, arm, quick)

    return answer


def make_rows(entry: ModelEntry, split: str, chosen: Sequence[Site], answers: Answers) -> list[dict[str, Cell]]:
    """Return the rows of a model, for the arms with stored answers."""
    found = {arm: _select_answered(entry, arm, chosen, answers) for arm in ARMS}
    return [make_row(entry.name, arm, split, found[arm], found[RAW]) for arm in ARMS if found[arm]]


def _select_answered(
    entry: ModelEntry, arm: str, chosen: Sequence[Site], answers: Answers
) -> dict[str, tuple[Site, dict[str, Any]]]:
    """Return the sites with a stored answer of an arm, and the answers, by name of the site."""
    found = ((site, answers.get(make_key(entry, arm, site))) for site in chosen)
    return {site.name: (site, answer) for site, answer in found if answer is not None}


def make_row(
    name: str,
    arm: str,
    split: str,
    found: Mapping[str, tuple[Site, dict[str, Any]]],
    beside: Mapping[str, tuple[Site, dict[str, Any]]],
) -> dict[str, Cell]:
    """Return the row of the table for an arm; `beside` has the answers of the engine alone to compare with."""
    outcomes = {place: Outcome.compare(site.place.target, answer["text"]) for place, (site, answer) in found.items()}
    exact = {place: one.exact for place, one in outcomes.items()}
    raw_exact = {
        place: Outcome.compare(site.place.target, answer["text"]).exact for place, (site, answer) in beside.items()
    }
    shown = [bool(exact[place]) for place, (_, answer) in found.items() if answer.get("shown")]
    return {
        "model": name,
        "arm": arm,
        "split": split,
        "n": len(found),
        **tables.format_wilson("exact", [bool(one) for one in exact.values()]),
        **tables.format_interval("similarity", [one.similarity for one in outcomes.values()]),
        "shown": round(len(shown) / len(found), 3) if arm == TYPING else "",
        **tables.format_wilson("right_when_shown", shown if arm == TYPING else []),
        **(
            figures.make_empty_gain_columns("more_than_raw")
            if arm == RAW
            else figures.make_gain_columns("more_than_raw", exact, raw_exact)
        ),
        **figures.make_speed_columns(answer for _, answer in found.values()),
        "code": raw.REVISION if arm == RAW else read_revision(),
    }


def main() -> int:
    """Measure, print the rows, and write the table for `--write`; return the exit status."""
    made = make_parser("Measure completed lines of installed models.", ARMS, PLACES, "places of each package", TABLE)
    made.add_argument("--split", choices=["dev", "test", "new"], default="new")
    made.add_argument("--places", type=int, help="only the first so many places of all")
    made.add_argument("--differing", action="store_true", help="only where resolution changes the context; not written")
    options = made.parse_args()
    if options.differing and options.write:
        made.error("--differing chooses places that are no sample of all; they cannot be written to the table")
    chosen = choose_sites(options.split, options.count)[: options.places]
    if options.differing:
        chosen = select_differing(chosen)
    return measure(
        options,
        TABLE,
        lambda entry, arm, run: collect(entry, arm, chosen, run),
        lambda entry, answers: make_rows(entry, options.split, chosen, answers),
    )


if __name__ == "__main__":
    sys.exit(main())
