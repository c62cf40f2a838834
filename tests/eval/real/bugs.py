"""Seeded bugs found by models of real size: by likelihood, and by the review of a chat model.

`python -m tests.eval.real.bugs --model NAME` reviews, stores the findings for each slip and prints the table; `--write`
writes `real_seeded_bugs.csv`. Slips and counting are those of `tests.eval.seeded_bugs`; the order of the functions is
fixed, with those of all packages in turn, so that those of a short run are a sample of all. "likelihood" needs a fit by
`python -m tests.eval.fit_likelihood --model NAME`.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.reviewer.chat_review.model_review import review_by_model
from indexing.index import Index
from models.catalog.sizes import SMALL
from models.local.loading import load, load_chat
from tests.eval import data, mutants, seeded_bugs, tables
from tests.eval.metrics import SEED
from tests.eval.real.answers import Key, read_revision
from tests.eval.real.installed import identify
from tests.eval.real.running import make_parser, measure
from tests.eval.seeded_bugs import Case, Result, judge_case, never_cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from agents.findings import Finding
    from indexing.syntax.documents import Document
    from models.catalog.catalog import ModelEntry
    from tests.eval.real.answers import Answers
    from tests.eval.real.running import Run
    from tests.eval.tables import Cell

TABLE = "real_seeded_bugs.csv"
LIKELIHOOD, CHAT = ARMS = ("likelihood", "chat")
# Slips of the logic; an undefined name gives other slips away.
LOGIC = ("boundary", "arithmetic", "comparison", "dropped not", "flipped bool", "is and in", "off by one")


def choose_cases(split: str, count: int) -> list[Case]:
    """Return the slips in `count` functions of each package of a split, a function of each package in turn."""
    of_packages = []
    for package in data.list_packages(split):
        functions: dict[tuple[str, mutants.Span], list[Case]] = defaultdict(list)
        for one in seeded_bugs.make_package_cases(package, count, seeded_bugs.SLIPS):
            functions[one.right, one.function].append(one)
        found = list(functions.values())
        random.Random(f"{SEED} {package.name}").shuffle(found)  # noqa: S311 - an order that repeats
        of_packages.append(found)
    in_turn = chain.from_iterable(zip_longest(*of_packages, fillvalue=[]))
    return list(chain.from_iterable(in_turn))


def name_case(case: Case) -> str:
    """Return a name for a slip, unique among all slips."""
    digest = hashlib.sha256(case.wrong.encode()).hexdigest()[:12]
    return f"{'/'.join(case.path.parts[-2:])} {case.function.name}:{case.line} {case.group} {digest}"


def make_key(entry: ModelEntry, arm: str, case: Case) -> Key:
    """Return the key of a layer's (`arm`) answer for a slip."""
    return Key("bugs", identify(entry), arm, name_case(case), read_revision())


def collect(entry: ModelEntry, arm: str, chosen: Sequence[Case], run: Run) -> None:
    """Have a layer (`arm`) review the chosen slips that have no stored answer, and store its answers."""
    items = ((make_key(entry, arm, case), case) for case in chosen)
    run.collect(
        items,
        lambda stack: (_make_likelihood_judge if arm == LIKELIHOOD else _make_chat_judge)(entry, run.threads, stack),
    )


def _make_likelihood_judge(entry: ModelEntry, threads: int, stack: ExitStack) -> Callable[[Case], dict[str, Any]]:
    """Load a model; return a function that judges a slip by the likelihood layer. `stack` frees the model."""
    model = load(entry, device="cpu", threads=threads)
    stack.callback(model.close)
    return make_judge(seeded_bugs.make_likelihood_layer(model))


def _make_chat_judge(entry: ModelEntry, threads: int, stack: ExitStack) -> Callable[[Case], dict[str, Any]]:
    """Load a chat model; return a function that judges a slip by its review. `stack` frees the model."""
    chat = load_chat(entry, device="cpu", threads=threads)
    stack.callback(chat.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "workspace").mkdir()
    index = Index([folder / "workspace"], storage=folder / "index")
    stack.callback(index.close)
    index.start()
    small = entry.parameters < SMALL

    def look(document: Document, function: mutants.Span) -> tuple[Finding, ...]:
        """Return the findings of the chat model's review of a function."""
        return review_by_model(document, [function.within(document.text)], chat, index, never_cancel, small=small)

    return make_judge(look)


def make_judge(look: seeded_bugs.Layered) -> Callable[[Case], dict[str, Any]]:
    """Return a function that judges a slip by the layer `look`, and returns the counts of findings as JSON."""
    alarms: dict[tuple[str, mutants.Span], tuple[Finding, ...]] = {}

    def answer(case: Case) -> dict[str, Any]:
        """Judge a slip; return the counts of findings."""
        found = judge_case(look, case, alarms)
        return {"found_at": found.found_at, "said": found.said, "alarms": found.alarms}

    return answer


def make_rows(entry: ModelEntry, chosen: Sequence[Case], answers: Answers) -> list[dict[str, Cell]]:
    """Return the rows of a model: for each layer all answered slips, those of the logic, and each kind."""
    table = []
    for arm in ARMS:
        pairs = [(case, answers.get(make_key(entry, arm, case))) for case in chosen]
        found = [(case, answer) for case, answer in pairs if answer is not None]
        results = [Result(case, one["found_at"], one["said"], one["alarms"]) for case, one in found]
        groups = {"all": results, "logic": [one for one in results if one.case.group in LOGIC]}
        groups |= {kind: [one for one in results if one.case.group == kind] for kind in mutants.OPERATORS}
        machines = {(one["processor"], one["threads"]) for _, one in found}
        table += [make_row(entry.name, arm, group, some, machines) for group, some in groups.items() if some]
    return table


def make_row(
    model: str, arm: str, group: str, results: Sequence[Result], machines: set[tuple[str, int]]
) -> dict[str, Cell]:
    """Return the row of the table for a model, a layer and a group of slips; `machines` are processors and threads."""
    counted = seeded_bugs.make_row(arm, group, results)
    return {
        "model": model,
        **counted,
        **tables.format_wilson("recall_3", [0 < one.found_at <= 3 for one in results]),
        "processor": "; ".join(sorted({processor for processor, _ in machines})),
        "threads": "; ".join(sorted({str(threads) for _, threads in machines})),
        "code": read_revision(),
    }


def main() -> int:
    """Measure, print the rows, and write the table for `--write`; return the exit status."""
    counted = "functions of each package"
    made = make_parser("Measure seeded bugs found by installed models.", ARMS, seeded_bugs.FUNCTIONS, counted, TABLE)
    made.add_argument("--split", choices=["dev", "test"], default="test")
    options = made.parse_args()
    chosen = choose_cases(options.split, options.count)
    return measure(
        options,
        TABLE,
        lambda entry, arm, run: collect(entry, arm, chosen, run),
        lambda entry, answers: make_rows(entry, chosen, answers),
    )


if __name__ == "__main__":
    sys.exit(main())
