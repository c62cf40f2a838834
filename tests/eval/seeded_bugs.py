"""Measurement of how many seeded slips in real functions each review layer finds, and of its false alarms.

`python -m tests.eval.seeded_bugs` measures on functions of the test packages and on the small programs, and writes
`seeded_bugs.csv`; `--split dev` only prints. Each mutant is a module with one slip. A layer reviews it and the module
without the slip; its findings in the function with the slip count. Nothing is run: a slip that changes no behaviour
counts as missed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer.likelihood import calibration
from agents.reviewer.likelihood.likelihood import Limits, review_likelihood
from agents.reviewer.review_policy import SEVERITIES, ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from tests.eval import data, mutants, programs, tables
from tests.eval.bundled import load_bundled_model
from tests.eval.metrics import SEED
from tests.eval.package_names import make_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.findings import Finding
    from models.completion import CompletionModel
    from tests.eval.tables import Cell

    Layered = Callable[[Document, mutants.Span], tuple[Finding, ...]]

TABLE = "seeded_bugs.csv"
FUNCTIONS = 12  # a package
SLIPS = 3  # of a function, each of another kind, rare kinds first
NEAR = 1  # lines
NOWHERE = Path("/nowhere")  # no configuration of ruff applies there, as in a new project
# Quality is measured here, not speed.
PATIENT = Limits(seconds=600.0)
UNHURRIED = ReviewPolicy(ruff_timeout_s=60.0)


@dataclass(frozen=True)
class Case:
    """A slip, with the texts of its module.

    Attributes:
        group: kind of the slip, or "small programs".
        path: path of the file.
        right: text without the slip.
        wrong: text with the slip.
        function: function to review.
        line: line of the slip, from 1.
    """

    group: str
    path: Path
    right: str
    wrong: str
    function: mutants.Span
    line: int


@dataclass(frozen=True)
class Result:
    """Findings of a layer in a case.

    Attributes:
        case: the case.
        found_at: rank, from 1, of the first finding about the slip among all findings in the function; 0 for none.
        said: number of findings in the function with the slip.
        alarms: number of findings in the function without the slip.
    """

    case: Case
    found_at: int
    said: int
    alarms: int


def never_cancel() -> bool:
    """Return False: a review is never cancelled."""
    return False


def make_package_cases(package: data.Package, count: int, slips: int) -> Iterator[Case]:
    """Yield up to `slips` slips, of different kinds, in each of `count` functions of a package; deterministic."""
    used: Counter[str] = Counter()
    for path, text, function in mutants.choose_functions(package, count):
        rng = random.Random(f"{SEED} {path.name} {function}")  # noqa: S311 - a sample that repeats, no secret
        by_kind: dict[str, list[mutants.Mutant]] = defaultdict(list)
        for one in mutants.make_mutants(text, function):
            by_kind[one.operator].append(one)
        for kind in sorted(by_kind, key=lambda kind: (used[kind], kind))[:slips]:
            used[kind] += 1
            one = rng.choice(by_kind[kind])
            yield Case(one.operator, path, text, one.text, function, one.line)


def read_program_cases() -> Iterator[Case]:
    """Yield a case for each small program, with the whole program as the function."""
    for one in programs.read_programs():
        whole = mutants.Span(one.name, 1, one.right.count("\n"))
        yield Case("small programs", programs.FOLDER / f"{one.name}.py", one.right, one.wrong, whole, one.line)


def make_static_layer(reviewer: Reviewer) -> Layered:
    """Return the review of one function by the static layer: rules and ruff."""

    def look(document: Document, function: mutants.Span) -> tuple[Finding, ...]:
        """Return the static findings that begin in a function."""
        found = reviewer.review(document, layers=frozenset({Layer.STATIC}), cancelled=never_cancel)
        inside = function.within(document.text)
        return tuple(one for one in found if inside.start <= one.span.start < inside.end)

    return look


def make_likelihood_layer(model: CompletionModel) -> Layered:
    """Return the review of one function by the likelihood layer with `model`, even if it is not precise.

    Raises:
        SystemExit: the layer was never fitted for the model.
    """
    known = calibration.load_calibration(model.entry.name, model.entry.parameters)
    if known is None:
        raise SystemExit(f"{model.entry.name} was never measured: run `python -m tests.eval.fit_likelihood`.")

    def look(document: Document, function: mutants.Span) -> tuple[Finding, ...]:
        """Return the findings of the likelihood layer in a function."""
        span = function.within(document.text)
        return review_likelihood(
            document, Syntax.of(document), model, [span], cancelled=never_cancel, calibration=known, limits=PATIENT
        )

    return look


def judge_case(look: Layered, case: Case, alarms: dict[tuple[str, mutants.Span], tuple[Finding, ...]]) -> Result:
    """Review a case, with and without its slip, by the layer `look`; return its findings.

    `alarms` caches the layer's findings in texts without a slip, by text and function.
    """
    path = NOWHERE.joinpath(*case.path.parts[-2:])
    document = Document(path.as_uri(), path, "python", case.right, 1)
    key = (case.right, case.function)
    if key not in alarms:
        alarms[key] = look(document, case.function)
    before = {_identify(case.right, one) for one in alarms[key]}
    said = sorted(look(replace(document, text=case.wrong, version=2), case.function), key=_make_sort_key)
    places = [
        place
        for place, one in enumerate(said, 1)
        if abs(_find_line(case.wrong, one) - case.line) <= NEAR and _identify(case.wrong, one) not in before
    ]
    return Result(case, places[0] if places else 0, len(said), len(alarms[key]))


def _make_sort_key(finding: Finding) -> tuple[int, float, int]:
    """Return the sort key of a finding: severest first, then surest, then first in the file."""
    return -SEVERITIES.index(finding.severity), -finding.confidence, finding.span.start


def _find_line(text: str, finding: Finding) -> int:
    """Return the line, from 1, at which a finding begins."""
    return text.count("\n", 0, finding.span.start) + 1


def _identify(text: str, finding: Finding) -> tuple[str, int, str]:
    """Return code, line and message of a finding, which identify it in both texts, as a slip never moves lines."""
    return finding.code, _find_line(text, finding), finding.message


def make_row(layer: str, group: str, results: Sequence[Result]) -> dict[str, Cell]:
    """Return the row of the table for a layer and a group of slips."""
    said = [float(place == one.found_at) for one in results for place in range(1, one.said + 1)]
    sound = {(one.case.right, one.case.function): one for one in results}
    lines = sum(_count_lines(one.case.function) for one in sound.values())
    # each function's share in the rate over all lines
    alarms = [1000 * one.alarms * len(sound) / lines for one in sound.values()]
    return {
        "layer": layer,
        "slips": group,
        "n": len(results),
        **tables.format_interval("recall_1", [float(one.found_at == 1) for one in results]),
        **tables.format_interval("recall_3", [float(0 < one.found_at <= 3) for one in results]),
        **tables.format_interval("recall_any", [float(one.found_at > 0) for one in results]),
        **tables.format_interval("precision", said),
        "sound_lines": lines,
        **tables.format_interval("alarms_per_1000_lines", alarms),
    }


def _count_lines(function: mutants.Span) -> int:
    """Return the number of lines of a function."""
    return function.last - function.first + 1


def make_rows(layer: str, results: Sequence[Result]) -> list[dict[str, Cell]]:
    """Return the rows of a layer: all slips in packages, those of each kind, and the small programs."""
    groups: dict[str, list[Result]] = {"all in packages": []}
    for one in results:
        groups.setdefault(one.case.group, []).append(one)
        if one.case.group in mutants.OPERATORS:
            groups["all in packages"].append(one)
    order = ["all in packages", *mutants.OPERATORS, "small programs"]
    return [make_row(layer, group, groups[group]) for group in order if groups.get(group)]


def main() -> int:
    """Measure the layers, print the rows, and write the table of the test packages; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure how many seeded bugs the reviewer finds.")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev prints only")
    parser.add_argument("--count", type=int, default=FUNCTIONS, help="functions a package; fewer are for trying")
    parser.add_argument("--layer", choices=["static", "likelihood"], help="measure this one only, and replace its rows")
    chosen = parser.parse_args()
    cases = [
        one for package in data.list_packages(chosen.split) for one in make_package_cases(package, chosen.count, SLIPS)
    ]
    cases += read_program_cases()
    results: dict[str, list[Result]] = {}
    with load_bundled_model() as model:
        reviewer = Reviewer(UNHURRIED, open_names=make_opener(data.list_packages(chosen.split)))
        looks = {"static": lambda: make_static_layer(reviewer), "likelihood": lambda: make_likelihood_layer(model)}
        for layer, make in looks.items():
            if chosen.layer in {None, layer}:
                alarms: dict[tuple[str, mutants.Span], tuple[Finding, ...]] = {}
                look = make()
                results[layer] = [judge_case(look, case, alarms) for case in cases]
                print(f"{layer} done", file=sys.stderr, flush=True)
    table = [line for layer, found in results.items() for line in make_rows(layer, found)]
    for line in table:
        print(", ".join(f"{name} {value}" for name, value in line.items() if not name.endswith(("_low", "_high"))))
    if chosen.split == "test" and chosen.count == FUNCTIONS:
        print(f"written: {tables.write_table(TABLE, table, keep='layer').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
