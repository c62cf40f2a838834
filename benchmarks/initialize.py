"""From starting the process to the answer to `initialize`, as an editor waits for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import servers
from benchmarks.client import Client
from benchmarks.record import Record, Reference, percentile, spread

ROUNDS = 15


def once(command: list[str], folder: Path, home: Path) -> float:
    """Milliseconds of one start."""
    with Client(command, environment=servers.environment(home), folder=folder) as client:
        answer = client.initialize(folder)
        return (answer.done_s - client.started_s) * 1000


def measure() -> Record:
    """Ours and the reference in turn, so that a busy moment meets both."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch, "workspace"), Path(scratch, "home")
        folder.mkdir()
        ours, bare = [], []
        for turn in range(ROUNDS + 1):
            values = once(servers.starling("serve"), folder, home), once(servers.echo(), folder, home)
            if turn:  # the first pair only warms the file cache
                ours.append(values[0])
                bare.append(values[1])
    return Record(
        what="from starting the process to the answer to initialize, median",
        unit="ms",
        value=percentile(ours, 50),
        n=len(ours),
        reference=Reference(servers.REFERENCE, percentile(bare, 50)),
        most=1.2,
        judged="ratio",
        details={"ours": spread(ours), "reference": spread(bare)},
    )
