"""Code actions in a file of 2,000 lines: from the request to the list, at rest and right after a key."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import servers, workspaces
from benchmarks.client import TextBuffer
from benchmarks.record import Record, compute_percentile, summarize

if TYPE_CHECKING:
    from benchmarks.client import Client

LINES = 2000
PLACES = 100
WARM = 10  # the first answers load grammars; a person meets them once
REST_S = 3.0  # until the file is reviewed
THINKS_S = 0.05  # between two requests, as a person pauses between two menus
MOST_MS = 20.0


def write_long_file(folder: Path) -> Path:
    """Write a Python file of exactly `LINES` lines of real code to `folder`; return its path."""
    lines: list[str] = []
    for source in workspaces.list_python_files(workspaces.STANDARD_LIBRARY / "email", below_bytes=200_000):
        lines += source.read_text(encoding="utf-8", errors="replace").splitlines()
        if len(lines) >= LINES:
            break
    path = folder / "long.py"
    path.write_text("\n".join(lines[:LINES]) + "\n", encoding="utf-8")
    return path


def choose_places(buffer: TextBuffer) -> list[int]:
    """Return the offsets of the ends of `PLACES` + `WARM` random lines that are not blank, in random order."""
    ends, at = [], 0
    for line in buffer.text.splitlines(keepends=True):
        at += len(line)
        if line.strip():
            ends.append(at - 1)
    return random.Random(workspaces.SEED).sample(ends, PLACES + WARM)  # noqa: S311 - places, not secrets


def ask(client: Client, buffer: TextBuffer, offset: int) -> tuple[float, int]:
    """Request the code actions at `offset`; return the milliseconds to the list and its length."""
    place = buffer.find_position(offset)
    params = {
        "textDocument": {"uri": buffer.uri},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": [], "triggerKind": 1},
    }
    pending = client.request("textDocument/codeAction", params)
    found = pending.wait() or []
    return pending.took_ms, len(found)


def ask_at_rest(client: Client, buffer: TextBuffer) -> list[tuple[float, int]]:
    """Request code actions at each place of an unchanged document; return milliseconds and length of each list.

    The first `WARM` lists are left out.
    """
    found = []
    for offset in choose_places(buffer):
        found.append(ask(client, buffer, offset))
        time.sleep(THINKS_S)
    return found[WARM:]


def ask_after_key(client: Client, buffer: TextBuffer) -> list[tuple[float, int]]:
    """Request code actions right after a key at each place; return milliseconds and length of each list.

    The first `WARM` lists are left out. Each key is taken back.
    """
    found = []
    for offset in choose_places(buffer):
        buffer.replace(offset, offset, " ")
        found.append(ask(client, buffer, offset))
        buffer.replace(offset, offset + 1, "")
        time.sleep(THINKS_S)
    return found[WARM:]


def measure() -> Record:
    """Measure the time to a list of code actions at rest; details have the times right after a key."""
    with tempfile.TemporaryDirectory(prefix="starling-bench-") as scratch:
        workspace = Path(scratch, "workspace")
        workspace.mkdir()
        path = write_long_file(workspace)
        text = path.read_text(encoding="utf-8")
        with servers.open_session(workspace, Path(scratch, "home")) as client:
            buffer = TextBuffer(client, path.as_uri(), text)
            time.sleep(REST_S)
            resting = ask_at_rest(client, buffer)
            typing = ask_after_key(client, buffer)
    took = [one for one, _ in resting]
    return Record(
        what=f"a request for code actions to the list, {LINES:,} lines, p95",
        unit="ms",
        value=compute_percentile(took, 95),
        n=len(took),
        most=MOST_MS,
        details={
            "at_rest": summarize(took),
            "behind_a_key": summarize([one for one, _ in typing]),
            "actions": summarize([float(count) for _, count in resting]),
        },
    )
