"""Diagnostics in a file of 2,000 lines: from a saved change to their arrival at the client."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.client import ClientError, TextBuffer
from benchmarks.code_actions import LINES, write_long_file
from benchmarks.record import Record, compute_percentile, summarize

if TYPE_CHECKING:
    from benchmarks.client import Client

SAVES = 60
WARM = 3  # the first one loads grammars and ruff; a person meets it once
WAIT_S = 30.0
REST_S = 0.3  # between two saves
MOST_MS = 150.0
PUBLISHED = "textDocument/publishDiagnostics"


def wait_for_diagnostics(client: Client, buffer: TextBuffer) -> tuple[float, int]:
    """Wait for the diagnostics of the buffer's version; return when they arrived (`time.perf_counter`) and how many.

    Raises:
        ClientError: none arrived within `WAIT_S`.
    """
    end = time.perf_counter() + WAIT_S
    while time.perf_counter() < end:
        for arrived, method, params in list(client.notifications):
            if method == PUBLISHED and (params["uri"], params.get("version")) == (buffer.uri, buffer.version):
                return arrived, len(params["diagnostics"])
        time.sleep(0.001)
    raise ClientError(f"no diagnostics of version {buffer.version} in {WAIT_S:g} s")


def measure() -> Record:
    """Type a line and save, `SAVES` times; measure the time to the diagnostics of all rules and ruff."""
    took, found = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        workspace, home = Path(scratch, "workspace"), Path(scratch, "home")
        workspace.mkdir()
        path = write_long_file(workspace)
        with servers.open_session(workspace, home, options=servers.NO_MODEL) as client:
            buffer = TextBuffer(client, path.as_uri(), path.read_text(encoding="utf-8"))
            wait_for_diagnostics(client, buffer)
            for number in range(SAVES + WARM):
                time.sleep(REST_S)
                before = time.perf_counter()
                buffer.replace(len(buffer.text), len(buffer.text), f"value_{number} = {number}\n")
                client.notify("textDocument/didSave", {"textDocument": {"uri": buffer.uri}})
                came, found = wait_for_diagnostics(client, buffer)
                took.append((came - before) * 1000)
    return Record(
        what=f"a line typed and saved until the editor has the diagnostics, {LINES:,} lines, p95",
        unit="ms",
        value=compute_percentile(took[WARM:], 95),
        n=SAVES,
        most=MOST_MS,
        details={"ours": summarize(took[WARM:]), "diagnostics": found},
    )
