"""Measurement of what resolution adds to recall: members of receivers and arguments of calls.

`python -m tests.eval.resolved` measures the test packages without a model, with and without resolution, and writes
`resolved.csv`; `--split dev` only prints. `--fit` prints the weights for `agents/completion/resolved/proposals.py`,
fitted on the dev packages. The applications are measured beside them, with their installed libraries indexed, and with
resolution with and without these (`--libraries` measures them alone). Places are those of `masks.choose_places`; where
neither a member nor an argument can begin, resolution is not asked, and both arms have the same answer.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from agents.completion.cursor import Cursor
from agents.completion.resolved import resolver
from indexing.index import Index
from indexing.limits import IndexLimits
from indexing.syntax.documents import Document
from tests.eval import data, masks, tables
from tests.eval.environments import find_environment
from tests.eval.line_completion import PATIENT, complete_place, open_index
from tests.eval.metrics import compute_percentile
from tests.eval.recall import fit_logistic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.resolution.names import DocumentNames
    from tests.eval.line_completion import Result
    from tests.eval.masks import Place
    from tests.eval.tables import Cell

TABLE = "resolved.csv"
PLACES = 100  # a package
PLACES_TO_FIT = 700
_WORD = re.compile(r"\s*(\w+|\W)")
LIBRARIES = IndexLimits(library_bytes=1_000_000_000)
LIBRARY_WAIT_S = 900.0
ARMS = {
    "recall": replace(PATIENT, resolve_ms=0.0),
    "recall and resolution": replace(PATIENT, resolve_ms=10_000.0, resolve_asking_ms=10_000.0),
}


@dataclass(frozen=True)
class Look:
    """The answer of resolution at a place, and the milliseconds of processor time that it took."""

    place: Place
    found: resolver.Resolved
    contradicts: bool
    took_ms: float


def make_document(place: Place) -> Document:
    """Return the document of a place, without the target."""
    return Document(place.path.as_uri(), place.path, "python", place.holed, 1)


def find_places(package: data.Package, count: int) -> Iterator[Place]:
    """Yield those of up to `count` places of a package where a member or an argument may begin."""
    for place in masks.choose_places(package, count):
        if resolver.wants(Cursor.at(make_document(place), place.start)):
            yield place


def look(index: Index, place: Place) -> Look:
    """Return what resolution says at a place, without a deadline; the index has analysed the document before."""
    document = make_document(place)
    index.open_document(document)
    try:
        index.recall(document, place.start, limit=1)
        began = time.thread_time()
        names = index.open_names(document, place.start, libraries=True)
        cursor = Cursor.at(document, place.start)
        found = resolver.resolve_names(cursor, names) if names is not None else resolver.NOTHING
        took_ms = (time.thread_time() - began) * 1000
    finally:
        index.close_document(document.uri)
    return Look(place, found, found.contradicts(cursor, place.target), took_ms)


def fit_weights() -> None:
    """Fit the weights on the dev packages, and print them."""
    evidence, right, count = [], [], 0
    for package in data.list_packages("dev"):
        with open_index(package) as index:
            for place in find_places(package, PLACES_TO_FIT):
                count += 1
                for each in look(index, place).found.proposals:
                    if not each.beginning:
                        evidence.append({"one": 1.0, **each.evidence})
                        right.append(float(each.text.strip() == place.target.strip()))
    names = ["one", *sorted({name for each in evidence for name in each} - {"one"})]
    rows = np.array([[each.get(name, 0.0) for name in names] for each in evidence])
    print(f"# {len(rows)} proposals at {count} places, {sum(right):.0f} right")
    for name, weight in zip(names, fit_logistic(rows, np.array(right)).tolist(), strict=True):
        print(f'    "{name}": {weight:.4f},')


def proposes_word(seen: Look) -> bool:
    """Return whether resolution proposes a text that begins with the word, or the mark, that comes next."""
    words = [_WORD.match(each) for each in (seen.place.target, *(one.text for one in seen.found.proposals))]
    return words[0] is not None and words[0][0] in [each[0] for each in words[1:] if each is not None]


def make_row(
    arm: str, where: str, results: Sequence[Result], took: Sequence[float], proposed: Sequence[bool] = ()
) -> dict[str, Cell]:
    """Return the row of the table for an arm and the places `where`; `proposed` says where the next word is proposed.

    `took` and `proposed` may be empty: then their cells are.
    """
    shown = [float(one.right) for one in results if one.shown]
    return {
        "arm": arm,
        "where": where,
        "n": len(results),
        **tables.format_interval("exact", [one.best.exact for one in results]),
        **tables.format_interval("shown", [float(bool(one.shown)) for one in results]),
        **tables.format_interval("right_when_shown", shown),
        "cpu_ms_p50": round(compute_percentile(took, 50), 1) if took else "",
        "cpu_ms_p95": round(compute_percentile(took, 95), 1) if took else "",
        "word_proposed": round(sum(proposed) / len(proposed), 3) if proposed else "",
    }


def measure_split(split: str) -> list[dict[str, Cell]]:
    """Return the rows of a split: both arms, where resolution is asked and where it proposes something."""
    results: dict[str, list[Result]] = {arm: [] for arm in ARMS}
    looks: list[Look] = []
    for package in data.list_packages(split):
        with open_index(package) as index:
            for place in find_places(package, PLACES):
                looks.append(look(index, place))
                for arm, policy in ARMS.items():
                    results[arm].append(complete_place(index, None, policy, place))
        print(f"{package.name}: {len(looks)} places", file=sys.stderr, flush=True)
    known = [bool(one.found.proposals) or one.found.members is not None for one in looks]
    rows = []
    for arm, all_results in results.items():
        asked = looks if arm != "recall" else []
        proposed = [proposes_word(one) for one in asked]
        rows.append(make_row(arm, "asked", all_results, [one.took_ms for one in asked], proposed))
        rows.append(
            make_row(arm, "known", [one for one, is_known in zip(all_results, known, strict=True) if is_known], [])
        )
    complete = [one for one in looks if one.found.members is not None]
    print(
        f"surely known receivers: {len(complete)}, the target is no member: {sum(one.contradicts for one in complete)}"
    )
    return rows


class WithoutLibraries:
    """An index whose libraries are searched by recall, and not known to resolution."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def open_names(
        self, document: Document, offset: int, *, deadline: float | None = None, libraries: bool = False
    ) -> DocumentNames | None:
        """Return the names of `document` as they are seen without libraries, whether they are wanted or not."""
        del libraries
        return self._index.open_names(document, offset, deadline=deadline)


@contextmanager
def open_with_libraries(package: data.Package) -> Iterator[tuple[Index, Path]]:
    """Index a copy of a package and the libraries of its environment; yield the index and the folder of the copy.

    The copy is in no other workspace, whose environment would come first. The index is closed at the end of the block.

    Raises:
        SystemExit: they are not indexed in time.
    """
    before = os.environ.get("VIRTUAL_ENV")
    os.environ["VIRTUAL_ENV"] = str(find_environment(package))
    with tempfile.TemporaryDirectory() as storage:
        root = Path(storage, "workspace").resolve()
        shutil.copytree(package.root, root)
        index = Index([root], storage=Path(storage, "index"), limits=LIBRARIES)
        try:
            index.start()
            if not index.wait(LIBRARY_WAIT_S, libraries=True):
                raise SystemExit(f"the libraries of {package.name} were not indexed: {index.read_status()}")
            yield index, root
        finally:
            index.close()
            os.environ.pop("VIRTUAL_ENV")
            if before is not None:
                os.environ["VIRTUAL_ENV"] = before


def uses_libraries(index: Index, place: Place) -> bool:
    """Return whether a member of the receiver, or the function that is called, at a place is one of a library."""
    document = make_document(place)
    index.open_document(document)
    try:
        names = index.open_names(document, place.start, libraries=True)
        receiver, call = (names.find_receiver(), names.find_call()) if names is not None else (None, None)
    finally:
        index.close_document(document.uri)
    if receiver is not None:
        return any(each.is_library for each in receiver.members)
    return call is not None and any(each.is_library for each in call.callees)


def measure_libraries(split: str) -> list[dict[str, Cell]]:
    """Return the rows of the applications: resolution with and without libraries, of all places and of known ones."""
    results: dict[str, list[Result]] = {"without libraries": [], "with libraries": []}
    looks: dict[str, list[Look]] = {arm: [] for arm in results}
    known: list[bool] = []
    policy = ARMS["recall and resolution"]
    for package in data.list_applications(split):
        with open_with_libraries(package) as (index, root):
            arms = {"without libraries": cast("Index", WithoutLibraries(index)), "with libraries": index}
            for found in find_places(package, PLACES):
                place = replace(found, path=root / found.relative)
                known.append(uses_libraries(index, place))
                for arm, seen in arms.items():
                    looks[arm].append(look(seen, place))
                    results[arm].append(complete_place(seen, None, policy, place))
        print(f"{package.name}: {len(known)} places, {sum(known)} of libraries", file=sys.stderr, flush=True)
    rows = []
    for arm, all_results in results.items():
        for where, numbers in (("applications", range(len(known))), ("of libraries", np.flatnonzero(known).tolist())):
            chosen = [looks[arm][number] for number in numbers]
            times, proposed = [one.took_ms for one in chosen], [proposes_word(one) for one in chosen]
            rows.append(make_row(arm, where, [all_results[number] for number in numbers], times, proposed))
    return rows


def main() -> int:
    """Measure a split and print its rows, or fit the weights for `--fit`; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure what resolution adds to recall.")
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--fit", action="store_true", help="fit the weights on the dev packages instead")
    parser.add_argument("--libraries", action="store_true", help="measure the applications alone, and keep the rest")
    options = parser.parse_args()
    if options.fit:
        fit_weights()
        return 0
    known = tables.read_table(TABLE)[: 2 * len(ARMS)] if options.libraries else []
    rows: list[dict[str, Cell]] = [
        {**each, "word_proposed": each.get("word_proposed", "")} for each in known
    ] or measure_split(options.split)
    rows = [*rows, *measure_libraries(options.split)]
    if options.split == "test":
        tables.write_table(TABLE, rows)
    for cells in rows:
        print(*(f"{name}={value}" for name, value in cells.items() if not name.endswith(("_low", "_high"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
