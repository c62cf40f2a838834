"""The team of agents without a model's time: what the loop adds to each step, and the memory of an idle session.

A scripted model reads lines of a small file, in a session as people have it: recorded in the state database, with the
gate and every tool. Start at `measure_step` and `measure_idle_session`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.record import Record, percentile, spread

STEPS = 200
SESSIONS = 200
MIB = 2**20


def measure_step() -> Record:
    """Measure the time from an answer of the model that calls a tool to the next request to it."""
    took: list[float] = _run_program("steps", STEPS)
    return Record(
        what="a step of the team without the model: its answer, one read of a small file, the next request, median",
        unit="ms",
        value=percentile(took, 50),
        n=len(took),
        most=15.0,
        details={"ours": spread(took), "last_ten_p50": percentile(took[-10:], 50)},
    )


def measure_idle_session() -> Record:
    """Measure the memory that a session holds after a turn, as the growth of a process with many of them."""
    grown: int = _run_program("idle", SESSIONS)
    return Record(
        what="memory of an idle session after a turn of five reads, the mean of many in one process",
        unit="MiB",
        value=grown / MIB / SESSIONS,
        n=SESSIONS,
        most=2.0,
        details={"all_sessions": grown / MIB},
    )


def _run_program(*arguments: str | int) -> Any:  # noqa: ANN401 - JSON
    """Run `benchmarks.team_turns` with a home of its own; return what it printed."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.team_turns", *map(str, arguments)],
            cwd=servers.REPOSITORY,
            env=servers.make_environment(Path(home)),
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(done.stdout)
