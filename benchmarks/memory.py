"""Memory of the server's process without a model, after it has indexed 10,000 files and answered some requests."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil

from benchmarks import keystroke, servers, workspaces
from benchmarks.client import Client
from benchmarks.record import Record, Reference

FILES = 11_000  # about one in twelve is left out as generated, minified or the like: at least 10,000 are indexed
ANSWERS = 40
MIB = 2**20


def measure() -> Record:
    """Resident memory, mapped index pages included, as a task manager shows it."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspaces.of_files(Path(scratch, "workspace"), FILES)
        home = Path(scratch, "home")
        with Client(servers.echo(), environment=servers.environment(home), folder=workspace) as client:
            client.initialize(workspace)
            bare = psutil.Process(client.process.pid).memory_info().rss / MIB
        with servers.session(workspace, home, options=servers.NO_MODEL) as client:
            process = psutil.Process(client.process.pid)
            indexed = process.memory_info().rss / MIB
            keystroke.answers(client, workspaces.typing_places(workspace, ANSWERS + keystroke.WARM))
            for word in ("parse", "connection handler", "read line"):
                client.command("starling.search", {"query": word, "limit": 10})
            full = process.memory_full_info()
            status = client.command("starling.status")["index"]
            helpers = sum(child.memory_info().rss for child in process.children(recursive=True)) / MIB
    return Record(
        what="resident memory of the server without a model after indexing 10,000 files and answering 50 requests",
        unit="MiB",
        value=full.rss / MIB,
        n=1,
        reference=Reference(servers.REFERENCE, bare),
        most=150.0,
        details={
            "right_after_indexing": indexed,
            "unique": full.uss / MIB,
            "files": status["files"],
            "bytes_indexed": status["bytes_indexed"],
            "store_bytes": status["store_bytes"],
            "index_processes": helpers,  # they leave after a minute without work
        },
    )
