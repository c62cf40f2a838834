"""Start-up time: from starting the process to the answer to `initialize`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import servers
from benchmarks.client import Client
from benchmarks.record import Record, Reference, compute_percentile, summarize

ROUNDS = 15


def time_start(command: list[str], folder: Path, home: Path, *, resident: bool = False) -> float:
    """Start the server `command`; return the milliseconds to its answer to `initialize`.

    With `resident`, the server is a front of the resident server.
    """
    with Client(command, environment=servers.make_environment(home, resident=resident), folder=folder) as client:
        answer = client.initialize(folder)
        return (answer.done_s - client.started_s) * 1000


def time_in_turn(folder: Path, home: Path, *, resident: bool = False) -> tuple[list[float], list[float]]:
    """Return the milliseconds of `ROUNDS` starts of Starling, and of the reference, which are started in turn.

    With `resident`, Starling's servers are fronts of the resident server.
    """
    ours, bare = [], []
    for turn in range(ROUNDS + 1):
        values = (
            time_start(servers.make_starling_command("serve"), folder, home, resident=resident),
            time_start(servers.make_echo_command(), folder, home),
        )
        if turn:  # the first pair only warms the file cache
            ours.append(values[0])
            bare.append(values[1])
    return ours, bare


def measure() -> Record:
    """Measure the start of Starling and of the reference, in turn, so that a busy moment affects both."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch, "workspace"), Path(scratch, "home")
        folder.mkdir()
        ours, bare = time_in_turn(folder, home)
    return Record(
        what="from starting the process to the answer to initialize, median",
        unit="ms",
        value=compute_percentile(ours, 50),
        n=len(ours),
        reference=Reference(servers.REFERENCE, compute_percentile(bare, 50)),
        most=1.2,
        judged="ratio",
        details={"ours": summarize(ours), "reference": summarize(bare)},
    )
