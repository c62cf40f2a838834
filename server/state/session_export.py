"""A session as text for a person: Markdown, or an object for JSON. Start at `format_markdown`."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from agents.markdown import make_inert
from agents.ports.sessions import EntryKind
from agents.team.transcript import read_details
from server.state.lease_owners import describe_owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.ports.feedback import Feedback
    from agents.ports.sessions import Entry, Session


def format_markdown(session: Session, entries: Sequence[Entry], feedback: Mapping[int, Feedback] | None = None) -> str:
    """Return a session as inert Markdown: its title, and each entry for people with kind, author, time and feedback.

    Args:
        session: the session.
        entries: its entries.
        feedback: the person's feedback, by the entry's number.
    """
    parts = [f"# {make_inert(session.title)}\n"]
    for entry in filter(is_for_people, entries):
        calls = "".join(f"\n- called {_quote(name)} {_quote(arguments)}" for name, arguments in _list_calls(entry))
        body = _fence(entry.text) if entry.kind is EntryKind.RESULT else make_inert(entry.text)
        given = (feedback or {}).get(entry.number)
        thumb = f"\n\nThumb {given.thumb.value}. {given.comment}".rstrip() if given is not None else ""
        parts.append(
            f"## {entry.kind.value}: {describe_owner(entry.by)}, {_format_time(entry.at)}\n\n{body}{calls}{thumb}\n"
        )
    return "\n".join(parts)


def is_for_people(entry: Entry) -> bool:
    """Return whether to show an entry to a person: any but a note without text, which only a resumed session needs."""
    return bool(entry.text) or entry.kind is not EntryKind.NOTE


def format_entry_text(entry: Entry) -> str:
    """Return the text of an entry as inert Markdown; a tool's result unchanged, since it is not read as Markdown."""
    return entry.text if entry.kind is EntryKind.RESULT else make_inert(entry.text)


def describe_session(session: Session) -> dict[str, Any]:
    """Return a session without its entries, as JSON."""
    return {
        "id": session.id, "title": session.title, "role": session.role, "state": session.state.value,
        "created": session.created, "changed": session.changed, "entries": session.entries,
    }  # fmt: skip


def describe_entry(entry: Entry, given: Feedback | None = None) -> dict[str, Any]:
    """Return an entry as JSON, with the person's feedback if any was given."""
    described = {
        "number": entry.number, "kind": entry.kind.value, "by": describe_owner(entry.by), "text": entry.text,
        "details": read_details(entry), "at": entry.at,
    }  # fmt: skip
    if given is not None:
        described["feedback"] = {"thumb": given.thumb.value, "comment": given.comment, "at": given.at}
    return described


def _list_calls(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the name and the arguments as JSON of each call in an entry."""
    for call in read_details(entry).get("calls", ()):
        yield call["name"], json.dumps(call["arguments"], ensure_ascii=False)


def _quote(text: str) -> str:
    """Return `text` as code within a line, with marks that do not occur in it."""
    marks = "`"
    while marks in text:
        marks += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{marks}{space}{text}{space}{marks}"


def _fence(text: str) -> str:
    """Return `text` as a block of code whose fence does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _format_time(seconds: float) -> str:
    """Return a time as date and minute, in the machine's time zone."""
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
