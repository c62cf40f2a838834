"""The workspaces that sessions work in: each is opened once, with its settings, index and models.

Start at `Workspaces.open`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from server.assembly import core as cores
from server.assembly import log
from server.assembly.observation import switching
from server.assembly.resources import Files
from server.assembly.watching import action_log
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.workspace.watching.watch import Watcher
    from server.assembly.core import Builder, Core

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """An open workspace.

    Attributes:
        roots: its folders, as real paths.
        core: settings, index and models.
        files: the files that agents may read.
        watcher: reports changed files to the index; None where the settings forbid it.
    """

    roots: tuple[Path, ...]
    core: Core
    files: Files
    watcher: Watcher | None

    def close(self) -> None:
        """Stop watching, end the index process and free the models."""
        if self.watcher is not None:
            self.watcher.close()
        self.core.close()


class Workspaces:
    """All open workspaces; on one event loop.

    Args:
        build: builds a workspace's core.
    """

    def __init__(self, build: Builder = cores.build) -> None:
        self._build = build
        self._open: dict[tuple[Path, ...], Workspace] = {}
        self._opening = asyncio.Lock()

    @property
    def roots(self) -> tuple[tuple[Path, ...], ...]:
        """The folders of each open workspace."""
        return tuple(self._open)

    async def open(self, roots: tuple[Path, ...]) -> Workspace:
        """Return the workspace of `roots`, opened and with its index started if it was not open."""
        async with self._opening:
            if roots not in self._open:
                self._open[roots] = await asyncio.to_thread(_open_workspace, roots, self._build)
            return self._open[roots]

    async def close(self) -> None:
        """Close all workspaces."""
        async with self._opening:
            for workspace in self._open.values():
                await asyncio.to_thread(workspace.close)
            self._open.clear()


def resolve_folders(names: Sequence[str]) -> tuple[Path, ...]:
    """Return the real paths of folders that a client named.

    Raises:
        ValueError: a name is no absolute path of a folder; the message is a sentence for a person.
    """
    for name in names:
        if "\0" in name or not os.path.isabs(name):  # noqa: PTH117 (a name may be no path at all)
            raise ValueError(f"{name!r} is not an absolute path; give the folder of the workspace.")
        if not os.path.isdir(name):  # noqa: PTH112 (returns False where pathlib raises)
            raise ValueError(f"{name} is not a folder; give the folder of the workspace.")
    return tuple(dict.fromkeys(Path(os.path.realpath(name)) for name in names))


def _open_workspace(roots: tuple[Path, ...], build: Builder) -> Workspace:
    """Build the core of `roots`, start its index and its watcher, and configure the log; blocking."""
    core = build(roots, None, None)
    folder = paths.ensure_writable(paths.log_dir())
    problem = log.configure(core.settings.log, folder.path or paths.log_dir()) or folder.problem
    action_log.start(core.settings.log, folder.path or paths.log_dir())
    wrong = switching.apply(core.settings, metrics=False)
    for sentence in (*core.problems, *filter(None, [problem]), *wrong):
        logger.warning("%s", sentence)
    core.chats.set_listener(lambda sentence: logger.warning("%s", sentence))
    core.start(None)
    return Workspace(roots, core, Files(core, roots), _start_watcher(core, roots))


def _start_watcher(core: Core, roots: tuple[Path, ...]) -> Watcher | None:
    """Start a watcher that has changed files indexed again, and return it; None where the settings forbid it."""
    if not (core.settings.index.enabled and core.settings.index.watch):
        return None
    from indexing.workspace.watching.watch import Watcher  # noqa: PLC0415 (only where files are watched)

    watcher = Watcher(roots, core.index.reindex, failed=lambda sentence: logger.warning("%s", sentence),
                      limits=core.index.limits)  # fmt: skip
    watcher.start()
    return watcher
