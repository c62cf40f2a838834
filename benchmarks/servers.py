"""Command lines and sessions of the two servers: Starling as people start it, and the reference."""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import workspaces
from benchmarks.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = "bare pygls echo server"
INDEX_WAIT_S = 600.0

NO_MODEL: dict[str, Any] = {"model": {"enabled": False}}


def make_starling_command(*arguments: str) -> list[str]:
    """Return the command line of the installed program with `arguments`; exit if it is not installed."""
    program = Path(sys.executable).with_name("starling")
    if not program.exists():
        raise SystemExit("Starling is not installed beside this Python: run `make bench`, or `pip install -e .` first.")
    return [str(program), *arguments]


def make_echo_command() -> list[str]:
    """Return the command line of the reference server."""
    return [sys.executable, str(REPOSITORY / "benchmarks" / "echo_server.py")]


def make_environment(home: Path, *, resident: bool = False) -> dict[str, str]:
    """Return an environment in which Starling keeps everything under `home` and ignores a person's settings.

    With `resident`, the started servers are fronts of one resident server.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STARLING_")}
    return {**kept, "STARLING_HOME": str(home), "STARLING_RESIDENT": "on" if resident else "off"}


@contextmanager
def open_session(
    workspace: Path, home: Path, *, options: dict[str, Any] | None = None, indexed: bool = True
) -> Iterator[Client]:
    """Start Starling with `workspace` open, wait for its index if `indexed`, and end it at the end of the block."""
    with Client(make_starling_command("serve"), environment=make_environment(home), folder=workspace) as client:
        client.initialize(workspace, options)
        if indexed:
            wait_for_index(client)
        yield client


def wait_for_index(client: Client) -> dict[str, Any]:
    """Wait until the index is ready and return its status; exit if it failed or is off."""
    status: dict[str, Any] = {}

    def is_ready() -> bool:
        """Return whether the index is ready; store its status, and exit if it failed."""
        nonlocal status
        status = client.run_command("starling.status")["index"] or {"state": "starting"}
        if status["state"] in {"failed", "off"}:
            raise SystemExit(f"the index is {status['state']}: {status.get('problem')}")
        return bool(status["state"] == "ready")

    client.wait_until(is_ready, "the index", timeout_s=INDEX_WAIT_S, poll_s=0.25)
    return status


@cache
def index_thousand_files() -> tuple[Path, Path]:
    """Return a workspace of 1,000 files and a home with its index.

    Both are made once and deleted when the program ends.
    """
    scratch = tempfile.TemporaryDirectory(prefix="starling-bench-")
    atexit.register(scratch.cleanup)
    workspace = workspaces.make_workspace(Path(scratch.name, "workspace"), 1000)
    home = Path(scratch.name, "home")
    with open_session(workspace, home, options=NO_MODEL):
        return workspace, home
