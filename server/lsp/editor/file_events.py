"""Notifications of files that change on disk: from the editor if it can watch files, else from a watcher of the server.

Start at `FileEvents.subscribe`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from indexing.limits import IndexLimits
    from indexing.workspace.watching.watch import Watcher
    from server.assembly.core import Core
    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

REGISTRATION = "starling-watched-files"
REGISTER_WAIT_S = 10.0
EVERYTHING = "**/*"  # the index drops excluded files, for only the index knows the ignore files


class FileEvents:
    """The one source of file events that is in use: the editor, or a watcher of the server."""

    def __init__(self, server: LanguageServer, notify: Callable[[Collection[Path]], None]) -> None:
        """Prepare to watch; the server's watcher calls `notify` on the event loop with the paths that changed."""
        self._server = server
        self._notify = notify
        self._registered = False
        self._watcher: Watcher | None = None
        self._watched: tuple[Path, ...] = ()

    async def subscribe(self, client: Client, core: Core, roots: Sequence[Path]) -> None:
        """Have the editor report changed files if it can, else watch `roots` here, unless the settings forbid it.

        May be called again; a watcher of other folders, or one that is not needed any more, is stopped.
        """
        if client.watches and not self._registered:
            self._registered = await self._register()
        wanted = core.settings.index.watch and core.settings.index.enabled
        if self._registered or not wanted or not roots:
            self.close()
        elif self._watcher is None or self._watched != tuple(roots):
            self.close()
            self._start_watcher(tuple(roots), core.index.limits)

    def close(self) -> None:
        """Stop the server's watcher; idempotent."""
        watcher, self._watcher, self._watched = self._watcher, None, ()
        if watcher is not None:
            watcher.close()

    async def _register(self) -> bool:
        """Ask the client to watch all files; return whether it agreed."""
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(EVERYTHING)])
        registration = types.Registration(REGISTRATION, types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        request = self._server.client_register_capability_async(types.RegistrationParams([registration]))
        try:
            await asyncio.wait_for(request, REGISTER_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("the client watches no files: %s", error)
            return False
        return True

    def _start_watcher(self, roots: tuple[Path, ...], limits: IndexLimits) -> None:
        """Start the server's own watcher of `roots`."""
        from indexing.workspace.watching.watch import Watcher  # noqa: PLC0415 (needed only where the editor does not watch)

        loop = asyncio.get_running_loop()

        def notify_on_loop(paths: Collection[Path]) -> None:
            """Notify of changed files on the event loop; from any thread."""
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._notify, paths)

        self._watcher = Watcher(roots, notify_on_loop, failed=_log_problem, limits=limits)
        self._watcher.start()
        self._watched = roots


def _log_problem(problem: str) -> None:
    """Log the `problem` of a watcher as a warning."""
    logger.warning("%s", problem)
