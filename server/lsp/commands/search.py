"""`starling.search`: search the workspace's code by words and identifiers, best hits first, unsaved text included."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from indexing.records import Query
from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

START_WAIT_S = 30.0
DEADLINE_S = 2.0


class Arguments(CommandRecord):
    """The query."""

    query: str = Field(min_length=1, max_length=10_000, description="Code or words.")
    limit: int = Field(default=10, ge=1, le=100, description="Most hits to return.")


class Hit(CommandRecord):
    """One hit: a part of a file."""

    path: str = Field(description="Absolute path.")
    relative: str = Field(description="Workspace-relative path, `/`-separated.")
    first_line: int = Field(description="First line, from 0.")
    last_line: int = Field(description="The line after the last.")
    text: str = Field(description="The lines.")
    score: float = Field(description="Higher is better; comparable within one answer only.")
    name: str = Field(description='Qualified name of the definition, "" for none.')


class Result(CommandRecord):
    """The hits, best first."""

    hits: tuple[Hit, ...]


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Search the index for at most `DEADLINE_S`, and return the best hits.

    No hits if the server does not start within `START_WAIT_S`.
    """
    core = await services.cores.wait(START_WAIT_S)
    if core is None:
        return Result(hits=())
    search = partial(
        core.index.search,
        Query(arguments.query, meaning=True),
        limit=arguments.limit,
        deadline=time.monotonic() + DEADLINE_S,
    )
    hits = await asyncio.get_running_loop().run_in_executor(services.pool, search)
    return Result(
        hits=tuple(
            Hit(
                path=str(hit.path),
                relative=hit.relative,
                first_line=hit.first_line,
                last_line=hit.last_line,
                text=hit.text,
                score=hit.score,
                name=hit.name,
            )
            for hit in hits
        )
    )
