"""HumanEval single-line infilling with models of real size, compared with the engine alone with the same weights.

`python -m tests.eval.real.infilling --model NAME` measures, stores each answer and prints the table; `--write` writes
`real_humaneval.csv`. The tasks are those of `tests.eval.humaneval`, in a fixed order, so that those of a short run are
a sample of all. The published figures of such models are those of `exact`.

The arms: "raw" is the engine with a plain prompt, from the line's first column on, as published; "raw, indented" begins
after the line's indentation; "asked" is Starling there, in a workspace without other files.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.completion.generator import Generator
from agents.suggestions import Trigger
from indexing.index import Index
from indexing.syntax.documents import Document
from tests.eval import humaneval, tables
from tests.eval.bundled import load_bundled_model
from tests.eval.humaneval import Task, judge, never_cancel, stop_at_line_end
from tests.eval.metrics import SEED, Outcome
from tests.eval.real import figures, raw
from tests.eval.real.answers import Key, read_revision
from tests.eval.real.installed import Watched, identify, load_watched
from tests.eval.real.lines import make_patient_policy
from tests.eval.real.running import make_parser, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel
    from tests.eval.real.answers import Answers
    from tests.eval.real.running import Run
    from tests.eval.tables import Cell

TABLE = "real_humaneval.csv"
COUNT = 100
RAW, INDENTED, ASKED = ARMS = ("raw", "raw, indented", "asked")


@dataclass(frozen=True)
class Line:
    """A task with a unique name."""

    name: str
    task: Task

    @property
    def indentation(self) -> str:
        """White space that begins the line."""
        return self.task.target[: len(self.task.target) - len(self.task.target.lstrip())]


def choose_lines(count: int) -> list[Line]:
    """Return the first `count` tasks of a fixed random order."""
    found = [Line(f"{task.name} {len(task.prefix)}", task) for task in humaneval.read_tasks()]
    random.Random(SEED).shuffle(found)  # noqa: S311 - an order that repeats
    return found[:count]


def ask_raw(model: raw.Raw, line: Line, arm: str) -> dict[str, Any]:
    """Have the engine alone fill in a line, after its indentation for the arm `INDENTED`; return the judged answer."""
    indentation = line.indentation if arm == INDENTED else ""
    began = time.perf_counter()
    said = model.fill(line.task.prefix + indentation, line.task.suffix, stop_at_line_end)
    took = (time.perf_counter() - began) * 1000
    text = indentation + said.text.strip("\n").split("\n", 1)[0]
    return {
        "text": text,
        "passed": judge(line.task, text).passed,
        "ms": round(took),
        "prompt_tokens": said.prompt_tokens,
        "answer_tokens": said.answer_tokens,
    }


def ask_starling(
    index: Index, folder: Path, model: Watched, line: Line, quick: CompletionModel | None = None
) -> dict[str, Any]:
    """Have Starling fill in a line, in a file with only its task; return the judged answer.

    Args:
        index: index of the workspace.
        folder: folder of the workspace.
        model: the model to measure.
        line: the task.
        quick: small model that a large one is used with; None for none.
    """
    path = folder / "solution.py"
    head = line.task.prefix + line.indentation
    document = Document(path.as_uri(), path, "python", head + line.task.suffix, 1)
    generator = Generator(index, model, quick=quick, policy=make_patient_policy())
    model.forget()
    began = time.perf_counter()
    try:
        completion = generator.complete(document, len(head), trigger=Trigger.INVOKED, cancelled=never_cancel)
        took = (time.perf_counter() - began) * 1000
    finally:
        generator.close()
        index.close_document(document.uri)
    text = line.indentation
    if completion.suggestions:
        first = completion.suggestions[0]
        whole = document.text[: first.start] + first.text + document.text[first.end :]
        text = whole[len(line.task.prefix) :].split("\n", 1)[0]
    told = [one for call in model.calls if call["kind"] == "generate" for one in call["told"]]
    return {
        "text": text,
        "passed": judge(line.task, text).passed,
        "ms": round(took + model.spared_ms),
        "prompt_tokens": max((one["prompt_tokens"] for one in told), default=0),
        "answer_tokens": sum(one["answer_tokens"] for one in told),
        "why": completion.why_empty,
        "calls": model.calls,
    }


def make_key(entry: ModelEntry, arm: str, line: Line) -> Key:
    """Return the key of an arm's answer to a task."""
    return Key("infilling", identify(entry), arm, line.name, read_revision() if arm == ASKED else raw.REVISION)


def collect(entry: ModelEntry, arm: str, chosen: Sequence[Line], run: Run) -> None:
    """Have an arm answer the chosen tasks that have no stored answer, and store its answers."""
    items = ((make_key(entry, arm, line), line) for line in chosen)
    run.collect(
        items, lambda stack: (_make_starling_arm if arm == ASKED else _make_raw_arm)(entry, arm, run.threads, stack)
    )


def _make_raw_arm(entry: ModelEntry, arm: str, threads: int, stack: ExitStack) -> Callable[[Line], dict[str, Any]]:
    """Load the engine alone; return a function that answers a task. `stack` frees the model."""
    model = raw.Raw(entry, threads)
    stack.callback(model.close)
    return lambda line: ask_raw(model, line, arm)


def _make_starling_arm(entry: ModelEntry, _: str, threads: int, stack: ExitStack) -> Callable[[Line], dict[str, Any]]:
    """Load a model for Starling; return a function that answers a task. `stack` frees the model."""
    model = load_watched(entry, threads)
    stack.callback(model.model.close)
    quick = stack.enter_context(load_bundled_model()) if entry.large else None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    workspace = folder / "workspace"
    workspace.mkdir()
    index = Index([workspace], storage=folder / "index")
    stack.callback(index.close)
    index.start()
    return lambda line: ask_starling(index, workspace, model, line, quick)


def make_rows(entry: ModelEntry, chosen: Sequence[Line], answers: Answers) -> list[dict[str, Cell]]:
    """Return the rows of a model, for the arms with stored answers."""
    found = {}
    for arm in ARMS:
        pairs = ((line, answers.get(make_key(entry, arm, line))) for line in chosen)
        found[arm] = {line.name: (line, answer) for line, answer in pairs if answer is not None}
    beside = {ASKED: INDENTED, INDENTED: RAW}  # the engine with the cursor at the same place, and at the line's start
    return [make_row(entry.name, arm, found[arm], found.get(beside.get(arm, arm), {})) for arm in ARMS if found[arm]]


def make_row(
    name: str,
    arm: str,
    found: Mapping[str, tuple[Line, dict[str, Any]]],
    beside: Mapping[str, tuple[Line, dict[str, Any]]],
) -> dict[str, Cell]:
    """Return the row of the table for an arm; `beside` has the answers of the engine alone to compare with."""
    outcomes = {place: Outcome.compare(line.task.target, answer["text"]) for place, (line, answer) in found.items()}
    passed = {place: float(answer["passed"]) for place, (_, answer) in found.items()}
    raw_passed = {place: float(answer["passed"]) for place, (_, answer) in beside.items()}
    return {
        "model": name,
        "arm": arm,
        "n": len(found),
        **tables.format_wilson("exact", [bool(one.exact) for one in outcomes.values()]),
        **tables.format_wilson("pass_1", [bool(one) for one in passed.values()]),
        **tables.format_interval("similarity", [one.similarity for one in outcomes.values()]),
        **(
            figures.make_empty_gain_columns("pass_more_than_raw")
            if arm == RAW
            else figures.make_gain_columns("pass_more_than_raw", passed, raw_passed)
        ),
        **figures.make_speed_columns(answer for _, answer in found.values()),
        "code": read_revision() if arm == ASKED else raw.REVISION,
    }


def main() -> int:
    """Measure, print the rows, and write the table for `--write`; return the exit status."""
    counted = f"tasks, of {humaneval.TASKS}"
    options = make_parser("Measure HumanEval lines of installed models.", ARMS, COUNT, counted, TABLE).parse_args()
    lines = choose_lines(options.count)
    return measure(
        options,
        TABLE,
        lambda entry, arm, run: collect(entry, arm, lines, run),
        lambda entry, answers: make_rows(entry, lines, answers),
    )


if __name__ == "__main__":
    sys.exit(main())
