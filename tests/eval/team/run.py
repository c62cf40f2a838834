"""Command that has models do all tasks and writes `team_tasks.csv`: `python -m tests.eval.team.run --model NAME`.

The model "oracle" is the scripted one. An installed model is found below STARLING_HOME, and each of its attempts is
stored at once (`tests.eval.real.answers`), so a run can be stopped and continued. Start at `main`.
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
from tests.eval.real.installed import describe_processor, find_entry, identify
from tests.eval.real.running import Run, make_parser
from tests.eval.team.attempts import attempt
from tests.eval.team.oracle import make_oracle
from tests.eval.team.task import VERSIONS, Kind
from tests.eval.team.tasks.all_tasks import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import ExitStack

    from tests.eval.tables import Cell
    from tests.eval.team.task import Task

TABLE = "team_tasks.csv"
ORACLE = "oracle"
LED, LOOP = ARMS = ("led", "loop")
"""The fixed pipeline for small models, and the free loop, in which the model chooses every step."""

ATTEMPT_S = 240.0
"""Time of the processor after which one turn of an installed model is cancelled."""

Stored = dict[str, Any]


def attempt_with_oracle(task: Task) -> Stored:
    """Return the oracle's attempt at `task`."""
    with tempfile.TemporaryDirectory() as folder:
        made = asdict(attempt(task, make_oracle(task), Path(folder), uses_index=False))
    return made | {"processor": describe_processor(), "threads": 1}


def collect_attempts(name: str, arm: str, chosen: Sequence[Task], run: Run, seconds: float) -> None:
    """Have an installed model attempt the chosen tasks that have no stored attempt, and store each attempt.

    Args:
        name: the model.
        arm: one of `ARMS`.
        chosen: the tasks.
        run: the stored attempts, and the end of the run.
        seconds: time of the processor after which a turn is cancelled.
    """
    entry = find_entry(name)

    def open_model(stack: ExitStack) -> Callable[[Task], Stored]:
        chat = stack.enter_context(closing(load_chat(entry, device="cpu", threads=run.threads)))

        def answer(task: Task) -> Stored:
            with tempfile.TemporaryDirectory() as folder:
                made = asdict(attempt(task, chat, Path(folder), led=arm == LED, seconds=seconds))
            print(f"{arm}, {task.name}: {made['problem'] or 'solved'} ({made['seconds']:.0f} s)", flush=True)
            return made

        return answer

    run.collect([(make_key(identify(entry), arm, task), task) for task in chosen], open_model)


def read_attempts(
    model: str, arm: str, chosen: Iterable[Task], answers: Answers, revisions: Sequence[str] | None
) -> dict[str, Stored]:
    """Return the stored attempts of a model by name of the task, each with the revision of the code that made it.

    Args:
        model: its identity.
        arm: one of `ARMS`.
        chosen: the tasks.
        answers: the stored attempts.
        revisions: revisions whose attempts count, the preferred one first; None for the present code's.
    """
    found: dict[str, Stored] = {}
    for task in chosen:
        key = make_key(model, arm, task)
        for revision in revisions or [key.revision]:
            stored = answers.get(replace(key, revision=revision))
            if stored is not None:
                found[task.name] = {**stored, "code": revision}
                break
    return found


def make_key(model: str, arm: str, task: Task) -> Key:
    """Return the key of a model's stored attempt at `task`."""
    place = f"{task.name}, {task.package} {VERSIONS[task.package]}"
    return Key("team", model, arm, place, read_revision())


def make_rows(name: str, arm: str, found: Mapping[str, Stored]) -> list[dict[str, Cell]]:
    """Return the rows of a model: one for each kind of task that it attempted, and one for all.

    Args:
        name: name of the model.
        arm: one of `ARMS`.
        found: its attempts, by name of the task.
    """
    by_kind = {
        kind.value: [found[task.name] for task in ALL if task.kind is kind and task.name in found] for kind in Kind
    }
    every = [one for attempts in by_kind.values() for one in attempts]
    return [make_row(name, arm, kind, attempts) for kind, attempts in (*by_kind.items(), ("all", every)) if attempts]


def make_row(name: str, arm: str, kind: str, attempts: Sequence[Stored]) -> dict[str, Cell]:
    """Return one row of the table.

    `calls_valid` and `edits_well_formed` are shares of all calls, and of all calls that edit; empty without any.
    `made_worse` counts attempts after which a module or test fails that did not fail before.
    """
    return {
        "model": name,
        "arm": arm,
        "kind": kind,
        "n": len(attempts),
        "solved": sum(not one["problem"] for one in attempts),
        **tables.format_wilson("share", [not one["problem"] for one in attempts]),
        "calls": _sum(attempts, "calls"),
        "calls_valid": _divide(_sum(attempts, "valid"), _sum(attempts, "calls")),
        "edits": _sum(attempts, "edits"),
        "edits_well_formed": _divide(_sum(attempts, "applied"), _sum(attempts, "edits")),
        "made_worse": sum(bool(one["made_worse"]) for one in attempts),
        "steps_p50": round(compute_percentile([float(one["steps"]) for one in attempts], 50)),
        "tokens_p50": round(compute_percentile([float(one["tokens"]) for one in attempts], 50)),
        "seconds_p50": round(compute_percentile([float(one["seconds"]) for one in attempts], 50), 1),
        "processor_s_p50": round(compute_percentile([float(one["processor_s"]) for one in attempts], 50), 1),
        "threads": "; ".join(sorted({str(one["threads"]) for one in attempts})),
        "processor": "; ".join(sorted({str(one["processor"]) for one in attempts})),
        "code": "; ".join(sorted({str(one["code"]) for one in attempts})) if name != ORACLE else "",
    }


def _sum(attempts: Iterable[Stored], field: str) -> int:
    """Return the sum of a field of all attempts."""
    return sum(one[field] for one in attempts)


def _divide(part: int, whole: int) -> Cell:
    """Return `part` as a share of `whole`, with three digits; "" if `whole` is 0."""
    return round(part / whole, 3) if whole else ""


def main() -> int:
    """Attempt the tasks, print the rows, and write the table for `--write`; return the exit status."""
    made = make_parser("Have models do whole tasks.", ARMS, len(ALL), f"tasks, of {len(ALL)}", TABLE)
    made.add_argument("--turn-seconds", type=float, default=ATTEMPT_S, help="time of the processor for one task")
    kinds = [kind.value for kind in Kind]
    made.add_argument("--code", nargs="+", metavar="REVISION", help="write attempts of older code too, newest first")
    made.add_argument("--kind", nargs="+", choices=kinds, default=kinds, help="kinds of tasks to attempt")
    options = made.parse_args()
    chosen = ALL[: options.count]
    run = Run(Answers.open_default(), time.monotonic() + options.seconds, options.threads)
    lines: list[dict[str, Cell]] = []
    for name in options.model:
        if name == ORACLE:
            lines += make_rows(ORACLE, LOOP, {task.name: attempt_with_oracle(task) for task in chosen})
            continue
        for arm in options.arm:
            wanted = [task for task in chosen if task.kind in options.kind]
            collect_attempts(name, arm, wanted, run, options.turn_seconds)
        identity = identify(find_entry(name))
        for arm in ARMS:
            lines += make_rows(name, arm, read_attempts(identity, arm, chosen, run.answers, options.code))
    for line in lines:
        print(", ".join(f"{field} {value}" for field, value in line.items() if not field.endswith(("_low", "_high"))))
    if options.write and lines:
        print(f"written: {tables.write_table(TABLE, lines, keep='model').name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
