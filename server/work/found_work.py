"""Work that the autopilot can find in a workspace: reads files within bounds, runs nothing. Start at `find_work`."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from agents.autopilot import dependencies, sources
from agents.reviewer.coverage import coverage
from indexing.syntax import languages
from indexing.syntax.documents import Document
from server.assembly.resources import Files, review_statically
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.ports.task_proposals import TaskProposal
    from server.assembly.core import Core

MOST_FILES = 2000
LONGEST_S = 30.0
"""Longest look at the files of a workspace, in seconds; the rest is left out."""

LARGEST_BYTES = 20_000_000
MOST_PACKAGES = 5000
ENVIRONMENTS = (".venv", "venv")
_INSTALLED = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info\Z")


def find_work(core: Core, root: Path, cancelled: Callable[[], bool] = lambda: False) -> Iterator[TaskProposal]:
    """Yield proposals for work that the files of `root` show. Blocking.

    Reads up to `MOST_FILES` files of code, until `cancelled` returns true or `LONGEST_S` seconds have passed; failing
    tests, dependencies and coverage data are looked up first in any case.
    """
    root = root.resolve()

    def read(name: str) -> str | None:
        """Return the text of the file `name` in `root`; see `read_inside`."""
        return read_inside(root, name)

    yield from sources.find_failing_tests(read)
    yield from dependencies.find_stale_dependencies(read, list_installed(root))
    yield from _propose_tests(root)
    files, ends = Files(core, (root,)), time.monotonic() + LONGEST_S
    for number, path in enumerate(files.list_files()):
        if number >= MOST_FILES or cancelled() or time.monotonic() > ends:
            return
        text = files.read(path)
        if text is None:
            continue
        name = path.relative_to(root).as_posix()
        yield from sources.find_comments(name, text)
        document = Document(path.as_uri(), path, languages.detect(path, text), text)
        yield from sources.propose_findings(name, text, review_statically(core, document, cancelled))


def read_inside(root: Path, name: str) -> str | None:
    """Return the text of the file `name`, a path relative to `root`, which has no links.

    None if there is no such file, it is not UTF-8 or too large, or it lies outside of `root`.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or ":" in name.split("/", maxsplit=1)[0]:
        return None
    with contextlib.suppress(OSError, ValueError):
        path = (root / parts).resolve()
        if path.is_relative_to(root):
            return read_text(path, LARGEST_BYTES)
    return None


def list_installed(root: Path) -> dict[str, str]:
    """Return the versions of up to `MOST_PACKAGES` installed Python packages of `root`, by normalised name."""
    found: dict[str, str] = {}
    for environment in ENVIRONMENTS:
        for folder in [
            *root.glob(f"{environment}/lib/python3*/site-packages"),
            root / environment / "Lib/site-packages",
        ]:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) < MOST_PACKAGES and (package := _INSTALLED.match(entry.name)):
                        found[dependencies.normalise_name(package["name"])] = package["version"]
    return found


def _propose_tests(root: Path) -> Iterator[TaskProposal]:
    """Yield proposals of tests for lines that the newest coverage data of `root` have as not run.

    Leaves out files that have changed since. Yields nothing without data that can be read.
    """
    source = coverage.find(root)
    if source is None:
        return
    try:
        files = coverage.read(source, root).files
    except coverage.CoverageError:
        return
    for one in files:
        if one.changed or not one.path.is_relative_to(root):
            continue
        proposal = sources.propose_tests(one.path.relative_to(root).as_posix(), one.lines, one.missed)
        if proposal is not None:
            yield proposal
