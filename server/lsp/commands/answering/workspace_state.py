"""Shared by the commands about queued tasks, workers' questions and memory: folders, and the state database.

Start at `use_state`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.lsp.commands.answering.failures import CommandFailed
from server.work.waiting_questions import QuestionRefused
from server.work.workspace_tasks import TaskRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.state.database import State

R = TypeVar("R")


def list_folders(roots: Iterable[Path]) -> tuple[Path, ...]:
    """Return the workspace folders by their real paths, as the command line names them; the first one first. Blocking.

    Raises:
        CommandFailed: there is none.
    """
    found = tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))
    if not found:
        raise CommandFailed("No folder is open.", code="no-folder", what_next="Open a folder.")
    return found


async def use_state(call: Callable[[State], R]) -> R:
    """Run `call`, a blocking call with the opened state database, in a thread and return its result.

    Raises:
        CommandFailed: `call` refuses what a person wants, or the state cannot be read or written.
    """
    return await asyncio.to_thread(_call_with_state, call)


def _call_with_state(call: Callable[[State], R]) -> R:
    """Open the state database, return the result of `call`, and close the database. Raises CommandFailed."""
    with closing(open_state()) as state:
        try:
            return call(state)
        except (TaskRefused, QuestionRefused, ValueError) as error:
            raise CommandFailed(str(error), code="refused") from error
        except StateError as error:
            raise CommandFailed(str(error), code="state") from error
