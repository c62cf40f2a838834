"""Throughput of the queue of tasks: how many tasks four workers of one process end in a second.

The model is scripted and takes no time. Everything else is as in `starling work`: the queue and the sessions in the
state database on the disk, the gate, and for tasks that write git worktrees, branches and commits. Start at
`measure_reading` and `measure_writing`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import servers
from benchmarks.record import Record

WORKERS = 4
READING = 200
WRITING = 40


def measure_reading() -> Record:
    """Measure the time of a task that only reads: one request, one answer."""
    return _measure(
        "reading", READING, "a queued task that only reads, without the model, mean of 200 by four workers", 20.0
    )


def measure_writing() -> Record:
    """Measure the time of a task that creates a file: a worktree, an edit, a commit on a branch."""
    return _measure(
        "writing", WRITING, "a queued task that writes a file in a worktree, without the model, mean of 40", None
    )


def _measure(kind: str, tasks: int, what: str, most: float | None) -> Record:
    """Do `tasks` tasks of a `kind`; return a record of the milliseconds of one, the whole time by their number."""
    done = _run_program(kind, tasks)
    return Record(
        what=what,
        unit="ms",
        value=done["seconds"] * 1000 / tasks,
        n=tasks,
        most=most,
        details={"per_second": done["per_second"], "processor_ms": done["processor_s"] * 1000 / tasks},
    )


def _run_program(kind: str, tasks: int) -> dict[str, float]:
    """Run `benchmarks.queued_tasks_run` with a home of its own; return what it printed."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.queued_tasks_run", kind, str(tasks), str(WORKERS)],
            cwd=servers.REPOSITORY,
            env=servers.make_environment(Path(home)),
            capture_output=True,
            text=True,
            check=True,
        )
    printed: dict[str, float] = json.loads(done.stdout)
    return printed
