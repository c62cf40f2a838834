"""`starling sessions`: lists, shows, exports, renames and deletes sessions with the team. Start at `list_sessions`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.sessions import Entry, Session
    from server.state.session_store import SessionStore

MOST_LISTED = 100
COLUMNS = (Column("ID", typed=True), *map(Column, ("CHANGED", "STATE", "ENTRIES", "TITLE")))
MOST_ENTRIES = 10_000

Name = Annotated[str, typer.Argument(metavar="ID", help="The session; the first characters of its id suffice.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="The sessions with agents: list, export, rename, delete.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_sessions(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the sessions of the workspace, the last changed first."""
    if context.invoked_subcommand is not None:
        return
    place = _name_workspace(directory)
    with _open_store() as store:
        found = store.list_newest(place, MOST_LISTED)
    if as_json:
        terminal.emit({"sessions": [_describe(one) for one in found]})
        return
    rows = [(one.id[:8], _format_time(one.changed), one.state.value, str(one.entries), one.title) for one in found]
    if not rows:
        terminal.note("There is no session in this workspace yet; begin one with `starling ask`.")
        return
    tables.show(COLUMNS, rows)


@app.command("export")
def export(name: Name, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """Write a session as Markdown, or with --json as JSON, on stdout."""
    with _open_store() as store:
        session = _find(store, name, directory)
        entries = store.read(session.id, limit=MOST_ENTRIES)
    if as_json:
        terminal.emit({**_describe(session), "history": [_describe_entry(one) for one in entries]})
    else:
        sys.stdout.write(terminal.escape(format_markdown(session, entries)))


@app.command("rename")
def rename(name: Name, title: Annotated[str, typer.Argument(metavar="TITLE")], *, directory: Directory = None) -> None:
    """Give a session another title."""
    with _open_store() as store:
        store.set_title(_find(store, name, directory).id, title)


@app.command("delete")
def delete(name: Name, *, directory: Directory = None) -> None:
    """Delete a session with its history; it cannot be restored."""
    from agents.ports.sessions import SessionUnavailable  # noqa: PLC0415 (`--help` starts without)

    with _open_store() as store:
        try:
            store.delete(_find(store, name, directory).id)
        except SessionUnavailable as error:
            raise Failure(str(error)) from error


def format_markdown(session: Session, entries: tuple[Entry, ...]) -> str:
    """Return a session as Markdown: its title, and each entry under who it comes from."""
    parts = [f"# {session.title}\n"]
    for entry in entries:
        calls = "".join(f"\n- called `{name}` {arguments}" for name, arguments in _list_calls(entry))
        body = entry.text if entry.kind.value != "result" else _fence(entry.text)
        parts.append(f"## {entry.kind.value}: {entry.by}, {_format_time(entry.at)}\n\n{body}{calls}\n")
    return "\n".join(parts)


def _open_store() -> Any:  # noqa: ANN401 (a context manager of a class that `--help` does not load)
    """Return a context manager that gives the store of sessions and closes it."""
    import contextlib  # noqa: PLC0415

    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.session_store import SessionStore  # noqa: PLC0415

    @contextlib.contextmanager
    def use_store() -> Iterator[SessionStore]:
        state = open_state()
        try:
            yield SessionStore(state)
        except StateError as error:
            raise Failure(str(error)) from error
        finally:
            state.close()

    return use_store()


def _find(store: SessionStore, name: str, directory: Path | None) -> Session:
    """Return the session whose id begins with `name`.

    Raises:
        Failure: there is none, or several.
    """
    found = [one for one in store.list_newest(_name_workspace(directory), 1000) if one.id.startswith(name)]
    if len(found) != 1:
        what = "several sessions" if found else "no session"
        raise Failure(f"There is {what} {name} in this workspace; `starling sessions` lists them.")
    return found[0]


def _name_workspace(directory: Path | None) -> str:
    root = arguments.resolve_folder(directory) if directory else arguments.find_workspace(Path())
    return root.as_uri()


def _describe(session: Session) -> dict[str, Any]:
    return {
        "id": session.id, "title": session.title, "role": session.role, "state": session.state.value,
        "created": session.created, "changed": session.changed, "entries": session.entries,
    }  # fmt: skip


def _describe_entry(entry: Entry) -> dict[str, Any]:
    details = json.loads(entry.details) if entry.details else {}
    return {"kind": entry.kind.value, "by": entry.by, "text": entry.text, "details": details, "at": entry.at}


def _list_calls(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the name and the arguments as JSON of each call in an entry."""
    details = json.loads(entry.details) if entry.details else {}
    for call in details.get("calls", ()) if isinstance(details, dict) else ():
        yield call["name"], json.dumps(call["arguments"], ensure_ascii=False)


def _fence(text: str) -> str:
    """Return `text` as a block of code whose fence does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _format_time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
