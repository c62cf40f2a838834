"""Alerts about the team, shown in the editor of their workspace: also those that a worker without an editor raised.

Looks into the state database every `LOOK_S`, only if somebody has written. Each alert is shown by one editor, once.
Start at `show_alerts`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.state.watching.alert_store import AlertStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.assembly.core import Core

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""Seconds between two looks at the state database."""

MOST_MESSAGES = 3
"""Alerts that are shown one by one; more are summed up, because nobody reads twenty messages."""


async def show_alerts(
    get_roots: Callable[[], tuple[Path, ...]], get_core: Callable[[], Core | None], show: Callable[[str], None]
) -> None:
    """Show new alerts of the workspace folders until this call is cancelled: up to `MOST_MESSAGES` and a summary.

    Args:
        get_roots: returns the current workspace folders.
        get_core: returns the core, whose settings say whether the person wants alerts; None while there is none.
        show: shows a sentence; called on the event loop.
    """
    messages = AlertMessages()
    while True:
        core, roots = get_core(), get_roots()
        if core is not None and core.settings.team.alerts and roots:
            for sentence in await asyncio.to_thread(messages.take, roots):
                show(sentence)
        await asyncio.sleep(LOOK_S)


class AlertMessages:
    """Reads new alerts from the state database. Its calls block."""

    def __init__(self) -> None:
        self._seen: object = None

    def take(self, roots: Sequence[Path]) -> list[str]:
        """Mark the new alerts of workspace folders as shown, and return sentences to show for them.

        At most `MOST_MESSAGES` alerts are returned, then one sentence with the number of the others. [] if there is
        nothing new, or the database is missing or cannot be read.
        """
        names = dict.fromkeys(one.as_uri() for root in roots for one in (root, Path(os.path.realpath(root))))
        texts: list[str] = []
        try:
            with closing(open_state()) as state:
                version = state.read_mark()
                if version in {None, self._seen}:
                    return []
                store = AlertStore(state)
                for name in names:
                    if store.has_unshown(name):
                        texts += [one.text for one in store.take_unshown(name)]
        except StateError as error:
            logger.info("the alerts cannot be read: %s", error)
            return []
        self._seen = version
        rest = len(texts) - MOST_MESSAGES
        more = [f"{rest} more alerts; `starling tasks` lists the tasks that wait for you."] if rest > 0 else []
        return [*texts[:MOST_MESSAGES], *more]
