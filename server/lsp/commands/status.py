"""`starling.status`: the current state of the server, its index and its models."""

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


class LibraryFacts(CommandRecord):
    """The state and size of the index of installed libraries."""

    state: str = Field(description='"off", "indexing", "ready", or "none" if the workspace has no libraries.')
    packages: tuple[str, ...] = Field(description="Name and version of each indexed package, most useful first.")
    files: int = Field(description="Files indexed.")
    bytes_indexed: int = Field(description="Size of these files.")
    store_bytes: int = Field(description="Size of the index of the libraries of all workspaces on disk.")
    left_out: dict[str, int] = Field(description="Files and packages left out, by reason.")
    problem: str = Field(description='What is wrong, "" for nothing.')


class ServerFacts(CommandRecord):
    """The state of one server's index of the workspace, as it told the others."""

    server: str = Field(description="Name of the machine.")
    indexed_at: float | None = Field(description="When its last full pass ended, seconds since the epoch.")
    files: int = Field(description="Files indexed.")
    chunks: int = Field(description="Chunks indexed.")
    model: str = Field(description="Its embedding model.")
    share: float | None = Field(
        description="Share of the pieces of code that have a vector, 0 to 1; null until they have been counted."
    )
    noted_at: float = Field(description="When it said so, seconds since the epoch, by the clock of the database.")


class QualityFacts(CommandRecord):
    """The quality of search by meaning: functions found by the docstrings that were taken from them."""

    n: int = Field(description="Number of queries, each with one right answer; 0 if too few functions have docstrings.")
    recall: tuple[tuple[int, float], ...] = Field(
        description="Recall@K as pairs of K and the share of queries whose answer is among the first K."
    )
    precision: tuple[tuple[int, float], ...] = Field(
        description="Precision@K as pairs of K and the share of right answers among the first K; at most 1/K, since "
        "there is one right answer."
    )
    mrr: float | None = Field(description="Mean reciprocal rank; null without queries.")


class VectorFacts(CommandRecord):
    """The state of search by meaning."""

    model: str = Field(description='The embedding model, "" for none.')
    vectors: int = Field(description="Number of stored vectors.")
    share: float | None = Field(
        description="Share of the pieces of code that have a vector, 0 to 1; null until they have been counted."
    )
    problem: str = Field(description='What is wrong, "" for nothing.')
    fetched: int = Field(description="Number of vectors that another server computed, since the start.")
    sharing: str = Field(description='Why vectors are not shared with other servers, "" if they are, or none share.')
    servers: tuple[ServerFacts, ...] = Field(
        description="What the servers that share a database say of their index of this workspace, newest first; "
        "empty without such a database."
    )
    lag_s: float = Field(
        description="Freshness: seconds since the oldest change whose vectors are missing was noticed; 0 for none."
    )
    quality: QualityFacts | None = Field(
        description="Measured in the background once all code has a vector; null while it is not measured."
    )


class IndexFacts(CommandRecord):
    """The state and size of the index."""

    state: str = Field(description='"off", "waiting", "indexing", "ready" or "failed".')
    files: int = Field(description="Files indexed.")
    chunks: int = Field(description="Chunks indexed.")
    symbols: int = Field(description="Definitions indexed.")
    bytes_indexed: int = Field(description="Size of the indexed text on disk.")
    skipped: dict[str, int] = Field(description="Files left out, by reason.")
    by_language: dict[str, int] = Field(description="Indexed files by language.")
    store_bytes: int = Field(description="Size of the index on disk.")
    indexed_at: float | None = Field(description="When the last full pass ended, seconds since the epoch.")
    problem: str = Field(description='What is wrong, "" for nothing.')
    libraries: LibraryFacts = Field(description="The index of installed libraries.")
    vectors: VectorFacts = Field(description="Search by meaning, with an embedding model.")
    coverage: float | None = Field(
        description="Share of the files to index that are indexed, from 0 to 1; null without such files. Files "
        "that are left out on purpose do not count, those that a limit or an error left out do."
    )
    lag_s: float = Field(
        description="Freshness: seconds since the oldest change that is not indexed yet; 0 for none, and where another "
        "server does the work."
    )


class HostFacts(CommandRecord):
    """The state of one of several addresses of a model."""

    url: str = Field(description="The address.")
    in_hand: int = Field(description="This server's requests under way there.")
    answered: int = Field(description="Number of requests answered since the start.")
    rest_s: float = Field(description="Seconds for which it is left out after a failure; 0 if it is asked.")
    begins_s: float = Field(description="Average time until an answer begins, in seconds; 0 if unknown.")
    problem: str = Field(description='Why its last request failed, "" if it did not.')


class ModelFacts(CommandRecord):
    """The state of the completion model."""

    name: str = Field(description='The model\'s name, "" for none.')
    state: str = Field(description='"off", "unloaded", "loading", "ready" or "failed".')
    problem: str = Field(description='What is wrong and what to do, "" for nothing.')
    loading_s: float = Field(default=0.0, description="Seconds since loading began; 0 if it is not loading.")
    loading_percent: int | None = Field(
        default=None,
        description="Progress of loading, estimated by the last loading time, 0 to 99; null if unknown.",
    )
    meanwhile: str = Field(default="", description='The model that completes while it is loading, "" for none.')
    hosts: tuple[HostFacts, ...] = Field(default=(), description="Its addresses, if `model.replicas` names some.")


class ChatFacts(CommandRecord):
    """The state of one chat model of a fallback chain."""

    role: str = Field(description='The model\'s role: "chat", or "review" if separate models are set for reviews.')
    model: str = Field(description="The model's name.")
    place: str = Field(description='The endpoint\'s address, or "this machine".')
    answered: int = Field(description="Number of requests answered since the start, cached answers included.")
    last: bool = Field(description="Whether it gave the last answer in its role.")
    problem: str = Field(description='Why it failed to answer the last request, "" if it did not fail.')
    hosts: tuple[HostFacts, ...] = Field(default=(), description="Its addresses, if `chat.replicas` names some.")


class Result(CommandRecord):
    """The server's state."""

    state: str = Field(description='"starting" while settings, index and models are loaded, then "ready".')
    version: str = Field(description="Starling's version.")
    client: str = Field(description="The editor's name, as it sends it.")
    encoding: str = Field(description='Unit of positions ("utf-8", "utf-16", "utf-32").')
    roots: tuple[str, ...] = Field(description="Workspace folders.")
    open_documents: int = Field(description="Number of open documents, cells of notebooks included.")
    index: IndexFacts | None = Field(description="Null while starting.")
    model: ModelFacts | None = Field(description="Null while starting.")
    chat: tuple[ChatFacts, ...] = Field(
        description="Chat models in the order in which they are asked; empty if none is set."
    )
    problems: tuple[str, ...] = Field(description="Problems of settings and models, a sentence each.")


async def execute(snapshot: Snapshot, services: Services, _: NoArguments) -> Result:
    """Return the state of the server, its index and its models; also works while the server is starting."""
    from server.version import VERSION  # noqa: PLC0415

    core = services.cores.current
    index = None
    if core is not None:
        index = await asyncio.get_running_loop().run_in_executor(services.pool, core.index.read_status)
    return Result(
        state="starting" if core is None else "ready",
        version=VERSION,
        client=snapshot.client.name,
        encoding=snapshot.encoding,
        roots=tuple(map(str, snapshot.roots)),
        open_documents=len(services.documents),
        index=None if index is None else IndexFacts(**dataclasses.asdict(index)),
        model=None if core is None else describe_model(core),
        chat=() if core is None else describe_chats(core),
        problems=() if core is None else core.problems,
    )


def describe_model(core: Core) -> ModelFacts:
    """Return the state of the completion model of `core`."""
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
        hosts=tuple(HostFacts(**dataclasses.asdict(host)) for host in model.list_hosts()),
    )


def describe_chats(core: Core) -> tuple[ChatFacts, ...]:
    """Return the states of the chat models of `core`."""
    return tuple(
        ChatFacts(role=role, **dataclasses.asdict(standing))
        for role, chain in core.chats.by_role.items()
        for standing in chain.list_statuses()
    )
