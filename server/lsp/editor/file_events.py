"""How we learn of files that change on disk: from the editor where it watches for us, else by watching ourselves.

Start at `FileEvents.arrange`.
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
EVERYTHING = "**/*"  # what is excluded is left out by the index, which knows the ignore files


class FileEvents:
    """The one way of watching that is in force."""

    def __init__(self, server: LanguageServer, touched: Callable[[Collection[Path]], None]) -> None:
        self._server = server
        self._touched = touched
        self._registered = False
        self._watcher: Watcher | None = None
        self._watched: tuple[Path, ...] = ()

    async def arrange(self, client: Client, core: Core, roots: Sequence[Path]) -> None:
        """Watch `roots` the best way this client allows."""
        if client.watches and not self._registered:
            self._registered = await self._register()
        wanted = core.settings.index.watch and core.settings.index.enabled
        if self._registered or not wanted or not roots:
            self.close()
        elif self._watcher is None or self._watched != tuple(roots):
            self.close()
            self._watch(tuple(roots), core.index.limits)

    def close(self) -> None:
        """Stop watching ourselves; idempotent."""
        watcher, self._watcher, self._watched = self._watcher, None, ()
        if watcher is not None:
            watcher.close()

    async def _register(self) -> bool:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(EVERYTHING)])
        registration = types.Registration(REGISTRATION, types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        request = self._server.client_register_capability_async(types.RegistrationParams([registration]))
        try:
            await asyncio.wait_for(request, REGISTER_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("the client watches no files: %s", error)
            return False
        return True

    def _watch(self, roots: tuple[Path, ...], limits: IndexLimits) -> None:
        from indexing.workspace.watching.watch import Watcher  # noqa: PLC0415 (needed only where the editor does not watch)

        loop = asyncio.get_running_loop()

        def changed(paths: Collection[Path]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._touched, paths)

        self._watcher = Watcher(roots, changed, failed=_tell, limits=limits)
        self._watcher.start()
        self._watched = roots


def _tell(problem: str) -> None:
    logger.warning("%s", problem)
