"""`starling.memory`: what agents remember for later sessions: list, edit, delete or export it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.ports.memory import LONGEST_TEXT, Remembered, Source
from agents.team.memory.memory_export import describe_memory, export_memory
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.workspace_state import list_folders, use_state
from server.state.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.database import State

MOST_LISTED = 1000


class Arguments(CommandRecord):
    """An action on memories; `workspace`, `agent` and `key` together name one."""

    action: Literal["list", "edit", "delete", "export"] = Field(
        default="list",
        description='"list" only lists; "edit" stores `text` in place of what is remembered, as the person\'s own '
        'words, or as a new memory; "delete" deletes a memory for ever; "export" returns everything as JSON.',
    )
    workspace: str | None = Field(
        default=None,
        max_length=10_000,
        description='URI of a workspace folder, "" for all workspaces; null for the first folder.',
    )
    agent: str = Field(default="", max_length=1000, description='The role that it is for, "" for all of them.')
    key: str = Field(default="", max_length=1000, description='For "edit" and "delete": its short name.')
    text: str = Field(default="", max_length=LONGEST_TEXT, description='For "edit": the text to remember.')


class MemoryFacts(CommandRecord):
    """One memory."""

    workspace: str = Field(description='URI of the workspace folder, "" for all workspaces.')
    agent: str = Field(description='The role that it is for, "" for all of them.')
    key: str = Field(description="Its short name.")
    text: str = Field(description="The text.")
    source: str = Field(description='Who or what said it: "person", "agent", "file", "command" or "web".')
    origin: str = Field(description='The path, command or address it comes from, "" for none.')
    created: float = Field(description="Seconds since the epoch.")
    changed: float = Field(description="Seconds since the epoch.")


class Result(CommandRecord):
    """The memories afterwards."""

    memories: tuple[MemoryFacts, ...] = Field(description=f"At most {MOST_LISTED:,}, the last changed first.")
    text: str = Field(
        default="", description='For "export": a JSON object with all memories, activities and decisions of the folder.'
    )


async def execute(snapshot: Snapshot, _: Services, arguments: Arguments) -> Result:
    """List, edit, delete or export memories; return up to `MOST_LISTED` of these folders and of all workspaces.

    Secrets in a new text are replaced before it is stored.

    Raises:
        CommandFailed: there is no such memory or folder, the key or the text is empty, or the state cannot be used.
    """
    return await use_state(partial(_act, snapshot.roots, arguments))


def _act(roots: Sequence[Path], arguments: Arguments, state: State) -> Result:
    """Do what `arguments` say; see `execute`.

    Raises:
        CommandFailed: no folder is open.
        ValueError: there is no such memory or folder, or the key or the text is empty.
        StateError: the state cannot be read or written.
    """
    store, places = MemoryStore(state), _list_workspace_uris(roots)
    place = places[0] if arguments.workspace is None else arguments.workspace
    if place not in {"", *places}:
        raise ValueError(f"{place} is no folder of this workspace; leave `workspace` out, or give one that is listed.")
    if arguments.action in {"edit", "delete"} and not arguments.key.strip():
        raise ValueError("A memory needs a key; give a `key`.")
    if arguments.action == "edit":
        if not arguments.text.strip():
            raise ValueError("There is nothing to remember; give a `text`, or delete the memory.")
        store.remember(Remembered(place, arguments.agent, arguments.key, arguments.text, Source.PERSON))
    elif arguments.action == "delete" and not store.forget(place, arguments.agent, arguments.key):
        raise ValueError(f"Nothing is remembered as {arguments.key} there; `starling.memory` lists what is.")
    found = {
        (one.workspace, one.agent, one.key): one for name in places for one in store.list_memories(name, MOST_LISTED)
    }
    listed = sorted(found.values(), key=lambda one: (-one.changed, one.key))[:MOST_LISTED]
    exported = export_memory(store, place) if arguments.action == "export" else None
    return Result(
        memories=tuple(MemoryFacts(**describe_memory(one)) for one in listed),
        text=json.dumps(exported, ensure_ascii=False, indent=2) if exported is not None else "",
    )


def _list_workspace_uris(roots: Sequence[Path]) -> tuple[str, ...]:
    """Return the URIs by which agents name the workspace folders: first as the client does, then by real paths.

    Raises:
        CommandFailed: there is no folder.
    """
    real = list_folders(roots)
    return tuple(dict.fromkeys(one.as_uri() for one in (*roots, *real)))
