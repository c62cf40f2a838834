"""The notification `starling/changed`: another process has changed queued tasks, workers' questions or memory.

It is sent to clients that declare `{"starling": {"changed": true}}` in `experimental`, also for changes that they have
made themselves. Its parameters say which of `tasks`, `questions` and `memory` have changed; the client reads those
again. Start at `follow_changes`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.state.change_marks import ChangeMarks, Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pygls.lsp.server import LanguageServer

logger = logging.getLogger(__name__)

CHANGED = "starling/changed"

LOOK_S = 2.0
"""Seconds between two looks at the state database."""


async def follow_changes(server: LanguageServer, get_roots: Callable[[], tuple[Path, ...]]) -> None:
    """Notify the client of each change, until this call is cancelled; first of questions, if some wait already.

    Args:
        server: the connection to the client.
        get_roots: returns the current workspace folders.
    """
    state = open_state()
    marks = ChangeMarks(state)
    known: Marks | None = None
    failed = ""
    try:
        while True:
            try:
                now = await asyncio.to_thread(lambda: marks.read(_list_workspace_uris(get_roots())))
            except StateError as error:
                if failed != str(error):
                    failed = str(error)
                    logger.info("changes of other processes are not noticed: %s", error)
            else:
                if known is None and now.questions:  # they have been waiting for this client
                    server.protocol.notify(CHANGED, {"tasks": False, "questions": True, "memory": False})
                elif known is not None and now != known:
                    server.protocol.notify(CHANGED, describe_difference(known, now))
                known, failed = now, ""
            await asyncio.sleep(LOOK_S)
    finally:
        await asyncio.to_thread(state.close)


def describe_difference(before: Marks, now: Marks) -> dict[str, bool]:
    """Return the parameters of the notification: which of the marks differ."""
    return {
        "tasks": before.tasks != now.tasks,
        "questions": before.questions != now.questions,
        "memory": before.memory != now.memory,
    }


def _list_workspace_uris(roots: Sequence[Path]) -> list[str]:
    """Return the URIs of the folders as the client names them, and by their real paths. Blocking."""
    return list(dict.fromkeys(one.as_uri() for root in roots for one in (root, Path(os.path.realpath(root)))))
