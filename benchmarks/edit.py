"""Time from an edit, typed or saved, until a search of the workspace finds it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks import servers, workspaces
from benchmarks.client import Client, ClientError, TextBuffer
from benchmarks.record import Record, compute_percentile, summarize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EDITS = 30
WAIT_S = 30.0
FUNCTION = "\n\ndef {}():\n    return None\n"


def time_until_found(client: Client, word: str, edit: Callable[[], None]) -> float:
    """Call `edit` and return the milliseconds until a search finds `word`.

    Raises:
        ClientError: it was not found within `WAIT_S`.
    """
    before = time.perf_counter()
    edit()
    while time.perf_counter() - before < WAIT_S:
        hits = client.run_command("starling.search", {"query": word, "limit": 3})["hits"]
        if any(word in hit["text"] for hit in hits):
            return (time.perf_counter() - before) * 1000
        time.sleep(0.001)
    raise ClientError(f"{word} was not found in {WAIT_S:g} s")


def append_function(path: Path, word: str) -> None:
    """Append a function named `word` to a file on disk."""
    path.write_bytes(path.read_bytes() + FUNCTION.format(word).encode())


def measure() -> Record:
    """Measure the time until edits in open files are found; details have edits of closed files."""
    workspace, home = servers.index_thousand_files()
    places = workspaces.choose_typing_places(workspace, 2 * EDITS)
    typed: list[float] = []
    saved: list[float] = []
    with servers.open_session(workspace, home, options=servers.NO_MODEL) as client:
        for number, place in enumerate(places[:EDITS]):
            buffer = TextBuffer(client, place.path.as_uri(), place.path.read_bytes().decode("utf-8"))
            word = f"quokka_typed_{number}_zanzibar"

            def type_function(buffer: TextBuffer = buffer, word: str = word) -> None:
                """Type a function named `word` at the end of the buffer."""
                buffer.replace(len(buffer.text), len(buffer.text), FUNCTION.format(word))

            typed.append(time_until_found(client, word, type_function))
            buffer.close()
        for number, place in enumerate(places[EDITS:]):
            word = f"quokka_saved_{number}_zanzibar"

            def save(path: Path = place.path, word: str = word) -> None:
                """Append a function named `word` to the file, and report the change to the server."""
                append_function(path, word)
                client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 2}]})

            saved.append(time_until_found(client, word, save))
    return Record(
        what="an edit in an open file until a search finds it, 1,000 files, p95",
        unit="ms",
        value=compute_percentile(typed, 95),
        n=len(typed),
        details={"typed": summarize(typed), "saved_to_disk": summarize(saved)},
    )
