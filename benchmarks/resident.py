"""The resident server: start of a further window, its memory, and ten windows that type at once.

Start at `measure_start`, `measure_memory` and `measure_typing`.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import initialize, servers, workspaces
from benchmarks.client import Client, TextBuffer
from benchmarks.record import Record, Reference, compute_percentile, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.workspaces import TypingPlace

WINDOWS = 10
KEYS_A_SECOND = 5.0
KEYS = 150  # in each window
FILES = 300
REST_S = 75.0  # the processes that index and analyse end after a minute without work
MIB = 2**20


def measure_start() -> Record:
    """Measure the start of a window while the resident server runs, and that of the reference, in turn."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch, "workspace"), Path(scratch, "home")
        folder.mkdir()
        with _open_windows(1, folder, home):
            ours, bare = initialize.time_in_turn(folder, home, resident=True)
        _end_resident(home)
    return Record(
        what="start of a further window, from starting the process to the answer to initialize, median",
        unit="ms",
        value=compute_percentile(ours, 50),
        n=len(ours),
        reference=Reference(servers.REFERENCE, compute_percentile(bare, 50)),
        most=0.15,
        judged="ratio",
        details={"ours": summarize(ours), "reference": summarize(bare)},
    )


def measure_memory() -> Record:
    """Measure the memory of all processes with one window at rest and with two on copies of the workspace."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch, "home")
        first = workspaces.make_workspace(Path(scratch, "first"), FILES)
        second = Path(shutil.copytree(first, Path(scratch, "second")))
        with _open_windows(1, first, home) as (one,):
            _rest(one, first)
            alone = _measure_all(home)
            with _open_windows(1, second, home) as (two,):
                _rest(two, second)
                both = _measure_all(home)
        _end_resident(home)
    return Record(
        what="memory that a second window adds at rest, with the bundled model, all processes counted",
        unit="MiB",
        value=both - alone,
        n=1,
        reference=Reference("the first window, with the resident server", alone),
        most=20.0,
    )


def measure_typing() -> Record:
    """Measure the answers without a model while ten windows type at once, and while one of them does."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch, "home")
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), FILES)
        places = workspaces.choose_typing_places(workspace, WINDOWS)
        with _open_windows(WINDOWS, workspace, home, options=servers.NO_MODEL) as windows:
            for window in windows:
                servers.wait_for_index(window)
            _type_in(windows[:1], places)  # warms grammars and pages
            alone = _type_in(windows[:1], places)
            together = _type_in(windows, places)
        _end_resident(home)
    return Record(
        what=f"keystroke to answer without a model while {WINDOWS} windows type {KEYS_A_SECOND:g} keys a second, p95",
        unit="ms",
        value=compute_percentile(together, 95),
        n=len(together),
        reference=Reference("one window alone", compute_percentile(alone, 95)),
        most=2.0,
        judged="ratio",
        details={"together": summarize(together), "alone": summarize(alone)},
    )


@contextmanager
def _open_windows(
    count: int, workspace: Path, home: Path, *, options: dict[str, object] | None = None
) -> Iterator[list[Client]]:
    """Yield `count` windows on `workspace`, which share the resident server; close them at the end."""
    environment = servers.make_environment(home, resident=True)
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            command = servers.make_starling_command("serve")
            client = stack.enter_context(Client(command, environment=environment, folder=workspace))
            client.initialize(workspace, options)
            clients.append(client)
        yield clients


def _type_in(windows: Sequence[Client], places: Sequence[TypingPlace]) -> list[float]:
    """Type in all windows at once, each at its own place; return the milliseconds of all answers."""
    found: list[float] = []
    threads = [
        threading.Thread(target=lambda window, place: found.extend(_type(window, place)), args=pair)
        for pair in zip(windows, places, strict=False)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _type(window: Client, place: TypingPlace) -> list[float]:
    """Type a line again and again at the pace of a person; return the milliseconds of each answer."""
    text = place.path.read_bytes().decode("utf-8")
    end = place.start + len(place.line)
    buffer = TextBuffer(window, place.path.as_uri(), text[: place.start] + text[end:])
    pace = random.Random(str(place.path))  # noqa: S311 - times that repeat
    took, at = [], place.start
    for number in range(KEYS):
        time.sleep(pace.uniform(0.5, 1.5) / KEYS_A_SECOND)
        if at >= end:
            buffer.replace(place.start, end, "")
            at = place.start
        buffer.replace(at, at, place.line[at - place.start])
        at += 1
        pending = buffer.ask(at)[1]
        pending.wait()
        if number:
            took.append(pending.took_ms)
    buffer.close()
    return took


def _rest(window: Client, workspace: Path) -> None:
    """Have the index built and a few answers given, then wait until the processes for that have ended."""
    servers.wait_for_index(window)
    for place in workspaces.choose_typing_places(workspace, 5):
        buffer = TextBuffer(window, place.path.as_uri(), place.path.read_bytes().decode("utf-8"))
        buffer.ask(place.start)[1].wait()
        buffer.close()
    time.sleep(REST_S)


def _list_processes(home: Path) -> list[psutil.Process]:
    """Return all processes of Starling that keep their files in `home`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STARLING_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _measure_all(home: Path) -> float:
    """Return the memory of all processes in MiB; pages that several share count once."""
    total = sum(int(process.memory_full_info().pss) for process in _list_processes(home))
    return total / MIB


def _end_resident(home: Path) -> None:
    """End the resident server whose files are in `home`."""
    for process in _list_processes(home):
        if "resident" in process.cmdline():
            process.terminate()
            process.wait(20)
