"""Two versions of the program, measured in turn on the same keys and starts: what a change of the code costs.

`python -m benchmarks.paired_versions BEFORE` compares the checkout in the folder BEFORE with this one, and writes
nothing. With this checkout as BEFORE it says how much two equal versions differ on the machine. Start at `compare`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks import servers, workspaces
from benchmarks.client import Client
from benchmarks.initialize import time_start
from benchmarks.keystroke import type_at
from benchmarks.record import compute_percentile

FILES = 1000
WARM = 5
RESAMPLES = 2000


def make_command(checkout: Path) -> list[str]:
    """Return the command line that starts the server of a checkout with this Python."""
    return [sys.executable, str(checkout / "starling_lsp.py"), "serve"]


class Version:
    """One version of the program, with a home and an index of its own.

    Attributes:
        keys: milliseconds from key to answer, of each round.
        processor: milliseconds of processor time of the server for a place (opened, typed at, reviewed), of each round.
        starts: milliseconds from starting the process to the answer to `initialize`.
    """

    def __init__(self, checkout: Path, workspace: Path, home: Path) -> None:
        self.command = make_command(checkout)
        self.keys: list[list[float]] = []
        self.processor: list[float] = []
        self.starts: list[float] = []
        self._workspace = workspace
        self._home = home

    def type_keys(self, places: list[workspaces.TypingPlace]) -> None:
        """Type at each place in a new server, and add the times of all but the first `WARM`."""
        environment = servers.make_environment(self._home)
        with Client(self.command, environment=environment, folder=self._workspace) as client:
            client.initialize(self._workspace, servers.NO_MODEL)
            servers.wait_for_index(client)
            for place in places[:WARM]:
                type_at(client, place)
            used = psutil.Process(client.process.pid).cpu_times()
            self.keys.append([type_at(client, place)[0] for place in places[WARM:]])
            later = psutil.Process(client.process.pid).cpu_times()
        spent = later.user + later.system - used.user - used.system
        self.processor.append(spent * 1000 / (len(places) - WARM))

    def start_once(self, folder: Path) -> None:
        """Start a server and end it, and add the time of its start."""
        self.starts.append(time_start(self.command, folder, self._home))


def compare(before: Path, rounds: int, count: int) -> dict[str, Any]:
    """Return the figures of both versions and their ratios, after `rounds` rounds with `count` places each."""
    with tempfile.TemporaryDirectory(prefix="starling-bench-") as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), FILES)
        folder = Path(scratch, "empty")
        folder.mkdir()
        places = workspaces.choose_typing_places(workspace, count + WARM)
        versions = [
            Version(checkout, workspace, Path(scratch, name))
            for name, checkout in (("before", before), ("now", servers.REPOSITORY))
        ]
        for number in range(rounds):
            for version in versions if number % 2 else versions[::-1]:  # so that neither is always the first
                version.type_keys(places)
        for number in range(rounds * 3 + 1):
            for version in versions if number % 2 else versions[::-1]:
                version.start_once(folder)
    return {
        "key_p95_ms": _compare_keys(versions, 95),
        "key_p50_ms": _compare_keys(versions, 50),
        "processor_ms_a_place": _describe(*(median(version.processor) for version in versions), n=rounds),
        "initialize_p50_ms": _describe(
            *(median(version.starts[1:]) for version in versions), n=len(versions[0].starts) - 1
        ),
    }


def _compare_keys(versions: list[Version], percent: int) -> dict[str, Any]:
    """Return a percentile of both versions' keys over all rounds, with the range of its ratio by resampling rounds."""
    pooled = [compute_percentile([one for each in version.keys for one in each], percent) for version in versions]
    chance = random.Random(0)  # noqa: S311 (statistics)
    numbers = range(len(versions[0].keys))
    ratios = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(numbers, k=len(numbers))
        old, new = (
            compute_percentile([one for number in drawn for one in version.keys[number]], percent)
            for version in versions
        )
        ratios.append(new / old)
    ratios.sort()
    return {
        **_describe(*pooled, n=sum(map(len, versions[0].keys))),
        "ratio_from": round(ratios[RESAMPLES // 40], 4),
        "ratio_to": round(ratios[-RESAMPLES // 40], 4),
    }


def _describe(before: float, now: float, *, n: int) -> dict[str, Any]:
    """Return two values and their ratio, of `n` measurements each."""
    return {"before": round(before, 3), "now": round(now, 3), "ratio": round(now / before, 4), "n": n}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--places", type=int, default=25)
    given = parser.parse_args()
    print(json.dumps(compare(given.before.resolve(), given.rounds, given.places), indent=1))
