"""Memory of the server's process after some answers: without a model in 10,000 files, and with the bundled model.

Start at `measure` and `measure_with_model`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import keystroke, servers, workspaces
from benchmarks.client import Client
from benchmarks.record import Record, Reference

FILES = 11_000  # about one in twelve is left out as generated, minified or the like: at least 10,000 are indexed
ANSWERS = 40
REST_S = 1.0
MIB = 2**20


def measure() -> Record:
    """Measure resident memory, mapped pages of the index included, without a model in 10,000 files."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspaces.make_workspace(Path(scratch, "workspace"), FILES)
        home = Path(scratch, "home")
        with Client(
            servers.make_echo_command(), environment=servers.make_environment(home), folder=workspace
        ) as client:
            client.initialize(workspace)
            bare = psutil.Process(client.process.pid).memory_info().rss / MIB
        with servers.open_session(workspace, home, options=servers.NO_MODEL) as client:
            process = psutil.Process(client.process.pid)
            indexed = process.memory_info().rss / MIB
            keystroke.type_at_places(client, workspaces.choose_typing_places(workspace, ANSWERS + keystroke.WARM))
            for word in ("parse", "connection handler", "read line"):
                client.run_command("starling.search", {"query": word, "limit": 10})
            answering = process.memory_info().rss / MIB
            time.sleep(REST_S)
            full = process.memory_full_info()
            status = client.run_command("starling.status")["index"]
            helpers = sum(child.memory_info().rss for child in process.children(recursive=True)) / MIB
    return Record(
        what="resident memory of the server without a model, a second after indexing 10,000 files and 50 answers",
        unit="MiB",
        value=full.rss / MIB,
        n=1,
        reference=Reference(servers.REFERENCE, bare),
        most=150.0,
        details={
            "right_after_indexing": indexed,
            "right_after_answering": answering,  # pages of the index, returned in the first pause, are included
            "unique": full.uss / MIB,
            "files": status["files"],
            "bytes_indexed": status["bytes_indexed"],
            "store_bytes": status["store_bytes"],
            "index_processes": helpers,  # they exit after a minute without work
        },
    )


def measure_with_model() -> Record:
    """Measure resident memory with the bundled model in use; the reference is the server without a model."""
    workspace, home = servers.index_thousand_files()
    places = workspaces.choose_typing_places(workspace, ANSWERS + keystroke.WARM)

    def measure_resident(options: dict[str, Any] | None) -> tuple[float, int]:
        """Return resident memory in MiB after typing with the settings `options`, and the number of model runs."""
        with servers.open_session(workspace, home, options=options) as client:
            keystroke.type_at_places(client, places)
            runs = client.run_command("starling.stats")["completion"]["model_runs"]
            return psutil.Process(client.process.pid).memory_info().rss / MIB, runs

    without, _ = measure_resident(servers.NO_MODEL)
    value, runs = measure_resident(None)
    return Record(
        what="resident memory of the server with the bundled model loaded, after 50 requests in 1,000 files",
        unit="MiB",
        value=value,
        n=1,
        reference=Reference("the same server without a model", without),
        details={"model_runs": runs, "the_model_s_share": value - without},
    )
