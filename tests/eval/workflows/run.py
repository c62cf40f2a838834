"""Command that has a model do the small tasks and writes `small_workflows.csv`: `python -m tests.eval.workflows.run`.

An installed model is found below STARLING_HOME, and each of its attempts is stored at once
(`tests.eval.real.answers`), so a run can be stopped and continued. Start at `main`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.local.loading import load_chat
from tests.eval import tables
from tests.eval.metrics import compute_percentile
from tests.eval.real.answers import Answers, Key, read_revision
from tests.eval.real.installed import find_entry, identify
from tests.eval.real.running import Run, make_parser
from tests.eval.workflows.attempts import attempt_once, attempt_workflow
from tests.eval.workflows.small_tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack

    from tests.eval.tables import Cell
    from tests.eval.workflows.small_tasks import SmallTask

TABLE = "small_workflows.csv"
LED, LOOP, ONCE = ARMS = ("led", "loop", "once")
"""The workflow with led agents, the workflow with agents in the free loop, and one answer without a workflow."""

ATTEMPT_S = 900.0
"""Time of the processor after which a workflow is cancelled."""

Stored = dict[str, Any]


def make_key(model: str, arm: str, task: SmallTask) -> Key:
    """Return the key of a model's stored attempt at `task`."""
    return Key("small workflows", model, arm, task.name, read_revision())


def collect(name: str, arm: str, run: Run, seconds: float) -> None:
    """Have an installed model attempt the tasks without a stored attempt, and store each attempt.

    Args:
        name: the model.
        arm: one of `ARMS`.
        run: the stored attempts, and the end of the run.
        seconds: time of the processor after which a workflow is cancelled.
    """
    entry = find_entry(name)

    def open_model(stack: ExitStack) -> Callable[[SmallTask], Stored]:
        chat = stack.enter_context(closing(load_chat(entry, device="cpu", threads=run.threads)))

        def answer(task: SmallTask) -> Stored:
            with tempfile.TemporaryDirectory() as folder:
                if arm == ONCE:
                    made = attempt_once(task, chat, Path(folder))
                else:
                    made = attempt_workflow(task, chat, Path(folder), led=arm == LED, seconds=seconds)
            end = made.problem or "solved"
            print(f"{arm}, {task.name}: {end} ({made.seconds:.0f} s, {made.rounds} rounds)", flush=True)
            return asdict(made)

        return answer

    run.collect([(make_key(identify(entry), arm, task), task) for task in TASKS], open_model)


def make_rows(name: str, arm: str, found: Mapping[str, Stored]) -> list[dict[str, Cell]]:
    """Return a row for each workflow and one for both.

    Args:
        name: name of the model.
        arm: one of `ARMS`.
        found: its attempts, by name of the task.
    """
    groups: dict[str, list[Stored]] = {"tdd": [], "debug": []}
    for task in TASKS:
        if task.name in found:
            groups[task.workflow].append(found[task.name])
    every = [one for attempts in groups.values() for one in attempts]
    return [make_row(name, arm, kind, attempts) for kind, attempts in (*groups.items(), ("all", every)) if attempts]


def make_row(name: str, arm: str, kind: str, attempts: Sequence[Stored]) -> dict[str, Cell]:
    """Return one row: solved tasks, workflows that ended well, rounds after failures, and medians of a task."""
    solved = [not one["problem"] for one in attempts]

    def get_median(field: str) -> float:
        return round(compute_percentile([float(one[field]) for one in attempts], 50), 1)

    return {
        "model": name,
        "arm": arm,
        "workflow": kind,
        "n": len(attempts),
        "solved": sum(solved),
        **tables.format_wilson("share", solved),
        "done": sum(one["is_done"] for one in attempts),
        "done_unsolved": sum(one["is_done"] and bool(one["problem"]) for one in attempts),
        "rounds": sum(one["rounds"] for one in attempts),
        "answers_p50": get_median("steps"),
        "tokens_p50": get_median("tokens"),
        "seconds_p50": get_median("seconds"),
        "processor_s_p50": get_median("processor_s"),
        "threads": "; ".join(sorted({str(one["threads"]) for one in attempts})),
        "processor": "; ".join(sorted({str(one["processor"]) for one in attempts})),
        "code": "; ".join(sorted({str(one["code"]) for one in attempts})),
    }


def main() -> int:
    """Attempt the tasks, print the rows, and write the table for `--write`; return the exit status."""
    made = make_parser("Have models do small tasks by workflows.", ARMS, len(TASKS), f"tasks, of {len(TASKS)}", TABLE)
    made.add_argument("--turn-seconds", type=float, default=ATTEMPT_S, help="time of the processor for one task")
    made.add_argument("--code", nargs="+", metavar="REVISION", help="write attempts of older code too, newest first")
    options = made.parse_args()
    run = Run(Answers.open_default(), time.monotonic() + options.seconds, options.threads)
    lines: list[dict[str, Cell]] = []
    for name in options.model:
        for arm in options.arm:
            collect(name, arm, run, options.turn_seconds)
        identity = identify(find_entry(name))
        for arm in ARMS:
            found: dict[str, Stored] = {}
            for task in TASKS:
                key = make_key(identity, arm, task)
                for revision in options.code or [key.revision]:
                    if (stored := run.answers.get(replace(key, revision=revision))) is not None:
                        found[task.name] = {**stored, "code": revision}
                        break
            lines += make_rows(name, arm, found)
    for line in lines:
        print(", ".join(f"{field} {value}" for field, value in line.items()))
    if options.write and lines:
        print(f"written: {tables.write_table(TABLE, lines, keep='model').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
