"""`starling.undoable`: the changes of this workspace that `starling.undo` can take back, newest first."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.failures import StateError
from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The number of changes."""

    limit: int = Field(default=50, ge=1, le=1000, description="Most changes to return.")


class Change(CommandRecord):
    """A change that can be undone."""

    checkpoint: str = Field(description="Its checkpoint, for `starling.undo`.")
    created: float = Field(description="When it was made, seconds since the epoch.")
    title: str = Field(description="The change in a few words.")
    client: str = Field(description='The editor or program in which it was made, "" if that is no longer recorded.')
    session: str = Field(description='Id of the session with the team that made it, "" for none.')
    files: tuple[str, ...] = Field(description="The changed files; the URI of a document without a file.")


class Result(CommandRecord):
    """The changes, newest first."""

    changes: tuple[Change, ...]
    problem: str = Field(description='Why the record cannot be read and what to do, "" if it can.')


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Return the changes that can be undone; if the record cannot be read, no changes and the `problem`."""
    try:
        found = await services.gate.list_undoable(arguments.limit)
    except StateError as error:
        return Result(changes=(), problem=str(error))
    return Result(changes=tuple(Change(**dataclasses.asdict(one)) for one in found), problem="")
