"""A session's entries as the messages of a conversation, and back. Start at `read_messages`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agents.ports.sessions import LONGEST_TEXT, Entry, EntryKind
from agents.team.session_notes import SessionNotes
from indexing.workspace.secrets import literals
from models.chat import Message, Speaker, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HIDDEN = "[secret]"
TITLE_LENGTH = 60
DEEPEST = 50  # levels of nesting in the arguments of a call
INTERRUPTED = (
    "[The program ended before the result of this call was recorded. It may have happened: look before you repeat it.]"
)


def make_title(request: str) -> str:
    """Return the title of a session that begins with `request`: its first `TITLE_LENGTH` characters, secrets hidden."""
    return " ".join(hide_secrets(request).split())[:TITLE_LENGTH] or "A session"


def hide_secrets(text: str) -> str:
    """Return `text` with its secrets replaced, as it is stored."""
    return literals.replace_secrets(text, HIDDEN)


def hide_in_value(value: object, depth: int = DEEPEST) -> object:
    """Return a JSON value with the secrets in its strings replaced, but not in keys; leaves out what is too deep."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, Mapping):
        return {key: hide_in_value(one, depth - 1) for key, one in value.items()} if depth else {}
    if isinstance(value, list | tuple):
        return [hide_in_value(one, depth - 1) for one in value] if depth else []
    return value


def make_entry(message: Message, by: str) -> Entry:
    """Return the entry that records `message` of the agent or tool `by`, cut to an entry's size.

    Secrets in the text and in the arguments of calls are hidden; arguments are left out if they are too long.

    Raises:
        ValueError: it is the instructions, which are no part of a session.
    """
    text = hide_secrets(message.text)[:LONGEST_TEXT]
    match message.speaker:
        case Speaker.ASSISTANT:
            calls = [
                {"id": one.id, "name": one.name, "arguments": hide_in_value(one.arguments)} for one in message.calls
            ]
            details = json.dumps({"calls": calls}) if calls else ""
            if len(details) > LONGEST_TEXT:  # the calls' results follow, so that nothing refers to them
                details = json.dumps({"calls": [{**one, "arguments": {}} for one in calls]})
            return Entry(EntryKind.AGENT, by, text, details)
        case Speaker.TOOL:
            return Entry(EntryKind.RESULT, by, text, json.dumps({"call": message.call_id}))
        case Speaker.USER:
            return Entry(EntryKind.NOTE, by, text, json.dumps({"said": True}))
        case Speaker.SYSTEM:
            raise ValueError("instructions are not a part of a session")


def read_messages(
    entries: Iterable[Entry], find_outcome: Callable[[str, float], str] = lambda *_: INTERRUPTED
) -> list[Message]:
    """Return the conversation that `entries` record, without results of unknown calls.

    Args:
        entries: the entries, in order.
        find_outcome: returns the text in place of a result that was not recorded, from the call's id and the time of
            its entry.
    """
    messages: list[Message] = []
    open_calls: list[str] = []
    called = 0.0

    def close_calls() -> None:
        """Add a result in place of each one that was not recorded."""
        messages.extend(Message(Speaker.TOOL, find_outcome(call, called), call_id=call) for call in open_calls)
        open_calls.clear()

    for entry in entries:
        details = read_details(entry)
        if entry.kind is EntryKind.RESULT:
            call = str(details.get("call", ""))
            if call in open_calls:  # a result without its call would be refused by a model
                open_calls.remove(call)
                messages.append(Message(Speaker.TOOL, entry.text, call_id=call))
            continue
        if entry.kind is EntryKind.CALL or (entry.kind is EntryKind.NOTE and not details.get("said")):
            continue  # for people; the model knows it from the messages
        close_calls()
        if entry.kind is EntryKind.AGENT:
            calls = tuple(ToolCall(one["id"], one["name"], one["arguments"]) for one in details.get("calls", ()))
            messages.append(Message(Speaker.ASSISTANT, entry.text, calls))
            open_calls += [one.id for one in calls]
            called = entry.at
        else:
            messages.append(Message(Speaker.USER, join_attached(entry.text, str(details.get("attached", "")))))
    close_calls()
    return messages


def read_open_files(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the files that were open in the client when the person last said something; () if that is not known."""
    said = next((one for one in reversed(entries) if one.kind is EntryKind.PERSON), None)
    names = read_details(said).get("open_files", ()) if said is not None else ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def join_attached(request: str, attached: str) -> str:
    """Return the text of a request for a model: `request`, and below it `attached`, unless that is ""."""
    return f"{request}\n\n{attached}" if attached else request


def read_details(entry: Entry) -> dict[str, Any]:
    """Return the details of an entry, {} where they are no JSON object."""
    try:
        details = json.loads(entry.details) if entry.details else {}
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}


def read_notes(entries: Sequence[Entry]) -> SessionNotes:
    """Return the notes as they were stored last; empty ones if there are none."""
    for entry in reversed(entries):
        if entry.kind is EntryKind.NOTE and (notes := SessionNotes.load(entry.details)) is not None:
            return notes
    return SessionNotes()
