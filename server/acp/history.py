"""An older session as updates, for a client that loads it. Start at `replay_entries`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from acp import helpers

from agents.markdown import make_inert
from agents.ports.sessions import EntryKind
from server.acp.tool_calls import describe_call, make_code_content, make_text_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from agents.ports.sessions import Entry
    from agents.team.tool import TeamTool
    from server.acp.update_sender import UpdateSender

LOST = "[The program ended before the result of this call was recorded.]"


def replay_entries(
    entries: Iterable[Entry], sender: UpdateSender, tools: Sequence[TeamTool[Any]], roots: Sequence[Path]
) -> None:
    """Queue the updates that show `entries`: what was said, and each call with its result.

    Args:
        entries: the session's entries, in order.
        sender: takes the updates.
        tools: the team's tools.
        roots: the workspace folders.
    """
    running: dict[str, str] = {}  # the protocol's id of each call without a result, by the model's id

    def end_running() -> None:
        """Show the calls that have no result yet as failed."""
        for shown in running.values():
            sender.put(helpers.update_tool_call(shown, status="failed", content=[make_text_content(LOST)]))
        running.clear()

    for entry in entries:
        details = _read_details(entry)
        if entry.kind is EntryKind.RESULT:
            if shown := running.pop(str(details.get("call", "")), ""):
                sender.put(helpers.update_tool_call(shown, status="completed", content=[make_code_content(entry.text)]))
            continue
        if not _is_no_message(entry, details):
            end_running()
        if entry.text:
            kinds = {EntryKind.PERSON: "person", EntryKind.AGENT: "agent"}
            sender.put_text(kinds.get(entry.kind, "thought"), make_inert(entry.text))  # type: ignore[arg-type]
        for number, call in enumerate(_list_calls(details)):
            shown = running[str(call["id"])] = f"entry-{entry.number}-{number}"
            described = describe_call(str(call["name"]), call["arguments"], tools, roots)
            sender.put(
                helpers.start_tool_call(
                    shown,
                    described.title,
                    kind=described.kind,
                    status="in_progress",
                    locations=list(described.locations),
                )
            )
    end_running()


def _is_no_message(entry: Entry, details: dict[str, Any]) -> bool:
    """Return whether `entry` is no message of the conversation, so that results of earlier calls may follow it."""
    return entry.kind is EntryKind.CALL or (entry.kind is EntryKind.NOTE and not details.get("said"))


def _list_calls(details: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the calls of an agent's entry, without malformed ones."""
    calls = details.get("calls")
    return [
        one
        for one in (calls if isinstance(calls, list) else [])
        if isinstance(one, dict) and {"id", "name", "arguments"} <= set(one) and isinstance(one["arguments"], dict)
    ]


def _read_details(entry: Entry) -> dict[str, Any]:
    """Return the details of an entry; {} if they are not a JSON object."""
    try:
        details = json.loads(entry.details) if entry.details else {}
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
