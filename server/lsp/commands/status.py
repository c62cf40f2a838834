"""`starling.status`: what the server knows and is doing now."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.assembly.core import Core
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = NoArguments


class IndexFacts(CommandRecord):
    """The index in figures."""

    state: str = Field(description='"off", "waiting", "indexing", "ready" or "failed".')
    files: int = Field(description="Files indexed.")
    chunks: int = Field(description="Chunks indexed.")
    symbols: int = Field(description="Definitions indexed.")
    bytes_indexed: int = Field(description="Size of the indexed text on disk.")
    skipped: dict[str, int] = Field(description="Files left out, by reason.")
    by_language: dict[str, int] = Field(description="Indexed files by language.")
    store_bytes: int = Field(description="Size of the index on disk.")
    indexed_at: float | None = Field(description="When the last full pass ended, seconds since the epoch.")
    problem: str = Field(description='What is wrong, "" when all is well.')


class ModelFacts(CommandRecord):
    """The model."""

    name: str = Field(description='Its name, "" for none.')
    state: str = Field(description='"off", "unloaded", "loading", "ready" or "failed".')
    problem: str = Field(description='What is wrong and what to do, "" when all is well.')
    loading_s: float = Field(default=0.0, description="For how long it has been loading, seconds; 0 when it is not.")
    loading_percent: int | None = Field(
        default=None,
        description="How far loading is by the time it took last, 0 to 99; null where that is not known.",
    )
    meanwhile: str = Field(default="", description='The model that completes while it is loading, "" for none.')


class ChatFacts(CommandRecord):
    """One chat model of a chain."""

    role: str = Field(description='What it is asked for: "chat", or "review" where that has models of its own.')
    model: str = Field(description="Its name.")
    place: str = Field(description='Its address, or "this machine".')
    answered: int = Field(description="Requests it answered since the start, kept answers included.")
    last: bool = Field(description="Whether it gave the last answer of its role.")
    problem: str = Field(description='Why it did not answer when it was last asked, "" where it did.')


class Result(CommandRecord):
    """The server's state."""

    state: str = Field(description='"starting" while settings, index and model are being loaded, then "ready".')
    version: str = Field(description="Starling's version.")
    client: str = Field(description="The editor, as it calls itself.")
    encoding: str = Field(description="Unit of positions.")
    roots: tuple[str, ...] = Field(description="Workspace folders.")
    open_documents: int = Field(description="Open documents, cells of notebooks included.")
    index: IndexFacts | None = Field(description="Null while starting.")
    model: ModelFacts | None = Field(description="Null while starting.")
    chat: tuple[ChatFacts, ...] = Field(description="Chat models in the order they are asked; empty where none is set.")
    problems: tuple[str, ...] = Field(description="What is wrong with settings and model, a sentence each.")


async def execute(snapshot: Snapshot, services: Services, _: NoArguments) -> Result:
    """Gather the facts; answers while starting, too."""
    from server.version import VERSION  # noqa: PLC0415

    core = services.cores.current
    index = None
    if core is not None:
        index = await asyncio.get_running_loop().run_in_executor(services.pool, core.index.status)
    return Result(
        state="starting" if core is None else "ready",
        version=VERSION,
        client=snapshot.client.name,
        encoding=snapshot.encoding,
        roots=tuple(map(str, snapshot.roots)),
        open_documents=len(services.documents),
        index=None if index is None else IndexFacts(**dataclasses.asdict(index)),
        model=None if core is None else model_facts(core),
        chat=() if core is None else chat_facts(core),
        problems=() if core is None else core.problems,
    )


def model_facts(core: Core) -> ModelFacts:
    """The model of `core`."""
    if core.model is None:
        return ModelFacts(name="", state="off", problem="")
    model = core.model
    loading_s = model.loading_s
    return ModelFacts(
        name=model.entry.name,
        state=model.state,
        problem=model.problem,
        loading_s=round(loading_s, 1),
        loading_percent=model.loading_percent,
        meanwhile=core.quick.entry.name if loading_s and core.quick is not None else "",
    )


def chat_facts(core: Core) -> tuple[ChatFacts, ...]:
    """The chat models of `core`."""
    return tuple(
        ChatFacts(role=role, **dataclasses.asdict(standing))
        for role, chain in core.chats.by_role.items()
        for standing in chain.list_statuses()
    )
