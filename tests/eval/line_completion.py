"""Measurement of completed lines as a user gets them: recall alone, the model alone, both, and copying as a baseline.

`python -m tests.eval.line_completion` measures on the test packages and writes `line_completion.csv`; `--split dev` is
for tuning and writes nothing, `--beside FOLDER` adds another model. Each place of `masks.choose_places` is requested
twice through the generator: as while typing (is something shown, is it right) and as when a person asks (how near is
the best suggestion). The model alone is also asked without the suffix, and with other files' code, for which its window
is too small in the program.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.suggestions import Trigger
from indexing.index import Index
from indexing.syntax.documents import Document
from tests.eval import data, masks, tables
from tests.eval.bundled import (
    PrefixOnly,
    add_models_option,
    find_bundled_entry,
    load_bundled_model,
    load_with_context,
    open_model,
    read_entries,
)
from tests.eval.copying import CopyFloor
from tests.eval.metrics import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.suggestions import Completion
    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel
    from tests.eval.masks import Place
    from tests.eval.tables import Cell

TABLE = "line_completion.csv"
PLACES = 100  # a package
THINNED = 3  # arms for comparison are asked at one of so many places
INDEX_WAIT_S = 120.0
# The deadlines are those of a person's patience, not of a busy machine: quality is measured here, speed in benchmarks/.
PATIENT = CompletionPolicy(
    recall_ms=1000.0,
    context_ms=1000.0,
    automatic_wait_ms=60_000.0,
    invoked_wait_ms=60_000.0,
    typing_ms=60_000.0,
    asking_ms=60_000.0,
)


@dataclass(frozen=True)
class Result:
    """Outcome of one arm at one place.

    Attributes:
        place: the place.
        best: comparison of the best suggestion for a person who asks; for the baseline, of the copied text.
        shown: whether anything is shown while typing; None for the baseline.
        right: whether the shown suggestion is right to the end of the line.
        begins: whether the line begins with the shown suggestion, so that all of the latter is right.
    """

    place: Place
    best: Outcome
    shown: bool | None = None
    right: bool = False
    begins: bool = False


def extract_line(place: Place, completion: Completion) -> str:
    """Return the text from the cursor to the end of its line after the first suggestion is accepted; "" if none."""
    if not completion.suggestions:
        return ""
    first = completion.suggestions[0]
    text = place.holed[: first.start] + first.text + place.holed[first.end :]
    return text[place.start :].split("\n", 1)[0]


def never_cancel() -> bool:
    """Return False: a request is never cancelled."""
    return False


def complete_place(index: Index, model: CompletionModel | None, policy: CompletionPolicy, place: Place) -> Result:
    """Complete `place`, as while typing and as when a person asks, with a new generator; return the outcome."""
    document = Document(place.path.as_uri(), place.path, "python", place.holed, 1)
    index.open_document(document)  # the file as it stands in the editor hides the one on disk, and with it the target
    generator = Generator(index, model, policy=policy)
    try:
        typing = generator.complete(document, place.start, trigger=Trigger.AUTOMATIC, cancelled=never_cancel)
        asked = generator.complete(document, place.start, trigger=Trigger.INVOKED, cancelled=never_cancel)
    finally:
        generator.close()
        index.close_document(document.uri)
    shown = extract_line(place, typing)
    return Result(
        place,
        Outcome.compare(place.target, extract_line(place, asked)),
        shown=bool(typing.suggestions),
        right=shown.strip() == place.target.strip(),
        begins=bool(shown.strip()) and place.target.strip().startswith(shown.strip()),
    )


ALONE = replace(PATIENT, recall=False)


@contextmanager
def open_index(package: data.Package) -> Iterator[Index]:
    """Index a package, and close the index at the end of the block.

    Raises:
        SystemExit: the package is not indexed in time.
    """
    with tempfile.TemporaryDirectory() as storage:
        index = Index([package.root], storage=Path(storage))
        try:
            index.start()
            if not index.wait(INDEX_WAIT_S):
                raise SystemExit(f"{package.name} was not indexed: {index.read_status()}")
            yield index
        finally:
            index.close()


def measure_package(package: data.Package, others: Mapping[str, ModelEntry], count: int) -> dict[str, list[Result]]:
    """Return the results of all arms at `count` places of a package, by arm; those of the models `others` last."""
    places = masks.choose_places(package, count)
    floor = CopyFloor.of(package.list_files())
    results = {"copying": [Result(place, Outcome.compare(place.target, floor.complete(place))) for place in places]}
    with open_index(package) as index:

        def measure_arm(
            arm: str, model: CompletionModel | None, policy: CompletionPolicy = PATIENT, *, every: int = 1
        ) -> None:
            """Measure an arm at each place, or at one of `every` places, and store its results."""
            results[arm] = [complete_place(index, model, policy, place) for place in places[::every]]

        measure_arm("recall", None)
        with load_bundled_model() as model:
            measure_arm("model", model, ALONE)
            prefix_only = PrefixOnly(model)
            measure_arm("model, prefix only", prefix_only, ALONE, every=THINNED)  # type: ignore[arg-type] # what the generator calls, it has
            measure_arm("recall and model", model)
        with load_with_context(find_bundled_entry()) as model:
            measure_arm("model, other files too", model, ALONE, every=THINNED)
        for name, entry in others.items():
            with open_model(entry) as model:
                measure_arm(name, model, ALONE, every=THINNED)
                measure_arm(f"recall and {name}", model, every=THINNED)
        for arm in ("model", "recall and model"):  # at the places of the arms that are beside them
            results[f"{arm}, at one place in {THINNED}"] = results[arm][::THINNED]
    return results


def make_row(arm: str, where: str, results: list[Result]) -> dict[str, Cell]:
    """Return the row of the table for an arm and a kind of place (`where`)."""
    shown = [result for result in results if result.shown]
    judged = results[0].shown is not None
    return {
        "arm": arm,
        "where": where,
        "n": len(results),
        **tables.format_interval("exact", [result.best.exact for result in results]),
        **tables.format_interval("similarity", [result.best.similarity for result in results]),
        **tables.format_interval("identifier_f1", [result.best.identifier_f1 for result in results]),
        **tables.format_interval("shown", [float(bool(result.shown)) for result in results] if judged else []),
        **tables.format_interval("right_when_shown", [float(result.right) for result in shown]),
        **tables.format_interval("right_so_far_when_shown", [float(result.begins) for result in shown]),
    }


def make_rows(results: dict[str, list[Result]]) -> list[dict[str, Cell]]:
    """Return the rows of the table: for each arm all places, then each kind of place."""
    table = []
    for arm, found in results.items():
        kinds: dict[str, list[Result]] = {
            "all": found,
        }
        for cut in masks.CUTS:
            kinds[f"cut at {cut}"] = [result for result in found if result.place.cut == cut]
        for category in masks.CATEGORIES:
            kinds[category] = [result for result in found if result.place.category == category]
        table += [make_row(arm, where, some) for where, some in kinds.items() if some]
    return table


def main() -> int:
    """Measure the packages, print the rows, and write the table of the test packages; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the quality of completed lines.")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev prints only")
    parser.add_argument(
        "--count", type=int, default=PLACES, help="places a package; fewer are for trying and only printed"
    )
    add_models_option(parser)
    chosen = parser.parse_args()
    results: dict[str, list[Result]] = defaultdict(list)
    for package in data.list_packages(chosen.split):
        for arm, found in measure_package(package, read_entries(chosen.beside), chosen.count).items():
            results[arm] += found
        print(f"{package.name} done", file=sys.stderr)
    table = make_rows(results)
    for line in table:
        print(", ".join(f"{name} {value}" for name, value in line.items() if not name.endswith(("_low", "_high"))))
    if chosen.split == "test" and chosen.count == PLACES:
        print(f"written: {tables.write_table(TABLE, table, keep='arm').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
