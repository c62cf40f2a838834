"""`starling sessions`: lists, exports, renames and deletes sessions with the team, and asks unanswered questions again.

Start at `list_sessions`; `questions` has the commands about questions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.team import training
from server.cli.team.questions import answer, ask_again, list_questions
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.sessions import Session
    from server.gate.journal import Journal
    from server.state.feedback_store import FeedbackStore
    from server.state.session_store import SessionStore

MOST_LISTED = 100
COLUMNS = (Column("ID", typed=True), *map(Column, ("CHANGED", "STATE", "ENTRIES", "QUESTIONS", "TITLE")))
MOST_ENTRIES = 10_000

Name = Annotated[str, typer.Argument(metavar="ID", help="The session; the first characters of its id suffice.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


class _Stores(NamedTuple):
    """The stores of sessions and of feedback, and the record of questions."""

    sessions: SessionStore
    feedback: FeedbackStore
    journal: Journal


app = typer.Typer(help="Sessions with agents: list, export, delete, ask again.", rich_markup_mode=None)


app.command("questions")(list_questions)
app.command("ask-again")(ask_again)
app.command("answer")(answer)
app.command("training")(training.export)


@app.callback(invoke_without_command=True)
def list_sessions(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the sessions of the workspace, most recently changed first."""
    if context.invoked_subcommand is not None:
        return
    place = _name_workspace(directory)
    with _open_stores() as stores:
        found = stores.sessions.list_newest(place, MOST_LISTED)
        questions = stores.journal.count_unanswered()
    if as_json:
        from server.state.session_export import describe_session  # noqa: PLC0415 (`--help` starts without the team)

        described = [{**describe_session(one), "questions": questions.get(one.id, 0)} for one in found]
        terminal.emit({"sessions": described})
        return
    rows = [
        (
            one.id[:8],
            terminal.format_time(one.changed),
            one.state.value,
            str(one.entries),
            str(questions.get(one.id, 0)),
            one.title,
        )
        for one in found
    ]
    if not rows:
        terminal.note("There is no session in this workspace yet; begin one with `starling ask`.")
        return
    tables.show(COLUMNS, rows)
    if any(questions.get(one.id) for one in found):
        terminal.note("To see the questions without an answer: starling sessions questions")


@app.command("export")
def export(name: Name, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """Write a session as Markdown, or with --json as JSON, on stdout."""
    from server.state import session_export  # noqa: PLC0415 (`--help` starts without the team)

    with _open_stores() as stores:
        session = _find(stores.sessions, name, directory)
        entries = stores.sessions.read(session.id, limit=MOST_ENTRIES)
        feedback = {one.number: one for one in stores.feedback.list_feedback(session.id)}
    if as_json:
        history = [session_export.describe_entry(one, feedback.get(one.number)) for one in entries]
        terminal.emit({**session_export.describe_session(session), "history": history})
    else:
        sys.stdout.write(terminal.escape(session_export.format_markdown(session, entries, feedback)))


@app.command("rename")
def rename(name: Name, title: Annotated[str, typer.Argument(metavar="TITLE")], *, directory: Directory = None) -> None:
    """Give a session another title."""
    if not title.strip():
        raise Misuse("A title has at least one character.")
    with _open_stores() as stores:
        try:
            stores.sessions.set_title(_find(stores.sessions, name, directory).id, title)
        except ValueError as error:
            raise Failure(f"The session was not renamed: {error}.") from error


@app.command("delete")
def delete(
    name: Name,
    *,
    directory: Directory = None,
    force: Annotated[bool, typer.Option("--force", help="Delete it although a client has it open.")] = False,
) -> None:
    """Delete a session with its history; it cannot be restored. Takes at least 4 characters of the id."""
    from agents.ports.sessions import SessionUnavailable  # noqa: PLC0415 (`--help` starts without)
    from server.state.session_store import require_long_prefix  # noqa: PLC0415

    with _open_stores() as stores:
        session = _find(stores.sessions, name, directory)
        try:
            require_long_prefix(session, name)
            stores.sessions.delete(session.id, force=force)
        except SessionUnavailable as error:
            raise Failure(str(error)) from error


def _open_stores() -> Any:  # noqa: ANN401 (a context manager of a class that `--help` does not load)
    """Return a context manager that gives the stores, closes them, and turns a `StateError` into a `Failure`."""
    import contextlib  # noqa: PLC0415

    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.gate.journal import Journal  # noqa: PLC0415
    from server.state.feedback_store import FeedbackStore  # noqa: PLC0415
    from server.state.gate_records import GateRecords  # noqa: PLC0415
    from server.state.session_store import SessionStore  # noqa: PLC0415

    @contextlib.contextmanager
    def use_stores() -> Iterator[_Stores]:
        """Yield the stores; close the state database afterwards."""
        state = open_state()
        try:
            yield _Stores(SessionStore(state), FeedbackStore(state), Journal(GateRecords(state), "starling"))
        except StateError as error:
            raise Failure(str(error)) from error
        finally:
            state.close()

    return use_stores()


def _find(store: SessionStore, name: str, directory: Path | None) -> Session:
    """Return the session whose id begins with `name`, in the workspace `directory` (None for the working directory's).

    Searches the 1,000 most recently changed sessions.

    Raises:
        Failure: there is none, or several.
    """
    found = [one for one in store.list_newest(_name_workspace(directory), 1000) if one.id.startswith(name)]
    if len(found) != 1:
        what = "several sessions" if found else "no session"
        raise Failure(f"There is {what} {name} in this workspace; `starling sessions` lists them.")
    return found[0]


def _name_workspace(directory: Path | None) -> str:
    """Return the URI of the workspace `directory`; without it, of the workspace of the working directory."""
    root = arguments.choose_workspace(directory)
    return root.as_uri()
