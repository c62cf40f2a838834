"""Alerts about the team, shown in the editor of their workspace: also those that a worker without an editor raised.

Looks into the state database every `LOOK_S`, only if its file has changed. Each alert is shown by one editor, once.
Start at `AlertMessages.run`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.state import paths
from server.state.database import FILE
from server.state.watching.alert_store import AlertStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

LOOK_S = 10.0
MOST_MESSAGES = 3
"""Alerts that are shown one by one; more are summed up, because nobody reads twenty messages."""


class AlertMessages:
    """Shows the alerts of one connection's workspace folder.

    Args:
        list_roots: returns the workspace folders; tasks belong to the first one.
        is_wanted: returns whether the person wants alerts in the editor.
        show: shows a sentence; called on the event loop.
    """

    def __init__(
        self, list_roots: Callable[[], tuple[Path, ...]], is_wanted: Callable[[], bool], show: Callable[[str], None]
    ) -> None:
        self._list_roots = list_roots
        self._is_wanted = is_wanted
        self._show = show
        self._seen: tuple[int, int] | None = None

    async def run(self) -> None:
        """Show alerts as they are raised, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Show the alerts that nobody has seen yet."""
        roots = self._list_roots()
        if not roots or not self._is_wanted():
            return
        texts = await asyncio.to_thread(self._take, roots[0].as_uri())
        for text in texts[:MOST_MESSAGES]:
            self._show(text)
        if (rest := len(texts) - MOST_MESSAGES) > 0:
            self._show(f"{rest} more alerts; `starling tasks` lists the tasks that wait for you.")

    def _take(self, workspace: str) -> list[str]:
        """Return the sentences of the alerts to show; [] if the database is missing, unchanged or cannot be used."""
        try:
            status = (paths.state_dir() / FILE).stat()
        except OSError:
            return []
        version = (status.st_mtime_ns, status.st_size)
        if version == self._seen:
            return []
        try:
            with closing(open_state()) as state:
                store = AlertStore(state)
                found = store.take_unshown(workspace) if store.has_unshown(workspace) else ()
        except StateError as error:
            logger.info("the alerts cannot be read: %s", error)
            return []
        self._seen = version
        return [one.text for one in found]
