"""`starling sessions questions`, `ask-again` and `answer`: questions that nobody answered, and answering these.

Start at `list_questions` and `ask_again`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, tables, terminal, terminal_asker
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.gate.gate import Gate
    from server.gate.ports import Outcome
    from server.gate.records import Request
    from server.state.given_answers import AgentQuestion
    from server.state.session_store import SessionStore
    from server.work.waiting_questions import WaitingQuestions

FAILED = 1
COLUMNS = (Column("ID", typed=True), *map(Column, ("ASKED", "STATE", "SESSION", "BY", "TITLE")))

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


def list_questions(*, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the questions without an answer, the newest first.

    Those that agents ask in words come before the others.
    """
    root = _find_root(directory)
    with _open_questions(root) as questions:
        found = questions.list_unanswered()
        asked = [(one, questions.name_agent(one)) for one in questions.list_agent_questions()]
    if as_json:
        terminal.emit({
            "questions": [
                *(
                    {
                        "request": one.id, "created": one.created, "status": "pending", "session": one.session,
                        "by": by, "title": one.title, "subjects": [], "reason": "", "choices": list(one.choices),
                    }
                    for one, by in asked
                ),
                *(
                    {
                        "request": one.id, "created": one.created, "status": one.status, "session": one.session,
                        "by": one.by, "title": one.title, "subjects": list(one.subjects), "reason": one.reason,
                        "choices": [],
                    }
                    for one in found
                ),
            ]
        })  # fmt: skip
        return
    if not found and not asked:
        terminal.note("Every question in this workspace is answered.")
        return
    rows: list[tuple[Request | AgentQuestion, str, str]] = [
        *((one, "pending", by) for one, by in asked),
        *((one, one.status, one.by) for one in found),
    ]
    tables.show(
        COLUMNS,
        [
            (one.id[:8], terminal.format_time(one.created), status, one.session[:8], by, one.title)
            for one, status, by in rows
        ],
    )


def ask_again(
    request: Annotated[str, typer.Argument(metavar="ID", help="The question; the first characters of its id suffice.")],
    *,
    yes: terminal_asker.Yes = None,
    directory: Directory = None,
) -> int:
    """Ask a question again that nobody answered. For a command, its agent goes on, asks again and gets the result."""
    from agents.ports.sessions import SessionUnavailable  # noqa: PLC0415 (`--help` starts without it)
    from agents.team.asked_again import compose_request  # noqa: PLC0415
    from server.cli.team.talk import do  # noqa: PLC0415
    from server.gate.refusal import Refused  # noqa: PLC0415

    root = _find_root(directory)
    with _open_gate(root, tuple(yes or ())) as (gate, store):
        try:
            found, proposal = gate.journal.find_unanswered(request)
            if proposal is not None:
                return _report(asyncio.run(_ask_about_edit(gate, store, found)))
        except (Refused, SessionUnavailable) as error:
            raise Failure(str(error)) from error
    return do([compose_request(found.by, found.subjects[0])], session=found.session, yes=yes, directory=root)


def answer(
    request: Annotated[str, typer.Argument(metavar="ID", help="The question; the first characters of its id suffice.")],
    *,
    decision: Annotated[
        str,
        typer.Option("--answer", metavar="ANSWER", help="yes or no, or words for an agent; without it you are asked."),
    ] = "",
    directory: Directory = None,
) -> None:
    """Answer a question of `starling work --ask` that waits for you."""
    from server.cli.terminal_person import find_choice  # noqa: PLC0415 (`--help` starts without it)
    from server.state.given_answers import AgentQuestion as Asked  # noqa: PLC0415
    from server.work.waiting_questions import QuestionRefused  # noqa: PLC0415

    with _open_questions(_find_root(directory)) as questions:
        try:
            found = questions.find(request)
            if isinstance(found, Asked):
                given = decision or _read_words(found)
                given = find_choice(given, found.choices) or given
            else:
                given = decision or _read_decision(found)
            questions.give(found, given, "starling")
        except QuestionRefused as error:
            raise Failure(str(error)) from error


def _read_decision(request: Request) -> str:
    """Show a question of a worker and return "yes" if that is entered at the terminal, else "no".

    Raises:
        Failure: there is no terminal.
    """
    _check_terminal("--answer yes or --answer no")
    text = "\n".join((
        request.title, f"Proposed by {request.by}: {request.why}", *(f"Warning: {one}" for one in request.warnings),
        "", request.diff.rstrip(), "",
    ))  # fmt: skip
    terminal.get_stderr().print(terminal_asker.colour(text), soft_wrap=True)
    sys.stderr.write("[y: yes, n: no] ")
    sys.stderr.flush()
    return "yes" if sys.stdin.readline().strip().lower() in {"y", "yes"} else "no"


def _read_words(asked: AgentQuestion) -> str:
    """Show a question of an agent and return the line that is entered at the terminal.

    Raises:
        Failure: there is no terminal, or nothing is entered.
    """
    _check_terminal("--answer and the words")
    choices = (f"  {number}: {one}\n" for number, one in enumerate(asked.choices, 1))
    sys.stderr.write(terminal.escape("".join((f"{asked.question.strip()}\n", *choices))))
    sys.stderr.write("[a number; empty: it still waits] " if asked.choices else "[your answer; empty: it still waits] ")
    sys.stderr.flush()
    entered = sys.stdin.readline().strip()
    if not entered:
        raise Failure("There is no answer; the question still waits.")
    return entered


def _check_terminal(what_next: str) -> None:
    """Raise `Failure` if there is no terminal to ask on; its message names the option to add."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(f"There is no terminal to ask on; add {what_next}.")


async def _ask_about_edit(gate: Gate, store: SessionStore, request: Request) -> Outcome:
    """Ask again about an edit, apply it if approved, and return the outcome.

    If the request belongs to a session that still exists, the outcome is also recorded there.

    Raises:
        SessionUnavailable: another client drives the session.
    """
    from agents.team.asked_again import ask_in_session  # noqa: PLC0415 (as above)
    from server.state.lease_owners import name_owner  # noqa: PLC0415

    ask = functools.partial(gate.ask_again, request.id)
    if not request.session:
        return await ask()
    return await ask_in_session(store, request.session, name_owner("starling"), request.title, ask)


def _report(outcome: Outcome) -> int:
    """Write the outcome to stderr; return the exit status."""
    if outcome.applied:
        terminal.note(f"Done; to take it back: starling undo {outcome.checkpoint}")
    if outcome.reason:
        terminal.note(outcome.reason)
    return 0 if outcome.applied else FAILED


@contextlib.contextmanager
def _open_questions(root: Path) -> Iterator[WaitingQuestions]:
    """Yield the questions of the workspace; close the state database afterwards.

    Raises:
        Failure: the state cannot be read or written.
    """
    from server.assembly.gates import open_state  # noqa: PLC0415 (as above)
    from server.work.waiting_questions import WaitingQuestions  # noqa: PLC0415

    with _open_gate(root, ()) as (gate, _):
        state = open_state()
        try:
            yield WaitingQuestions(gate.journal, state, [root])
        finally:
            state.close()


@contextlib.contextmanager
def _open_gate(root: Path, yes: tuple[terminal_asker.Kind, ...]) -> Iterator[tuple[Gate, SessionStore]]:
    """Yield the gate of the workspace and the store of sessions; close both.

    Raises:
        Failure: the state cannot be read or written.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (as above)
    from server.assembly import policies  # noqa: PLC0415
    from server.assembly.gates import make_disk_gate, open_state  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415
    from server.state.session_store import SessionStore  # noqa: PLC0415

    settings, _ = resolve(roots=(root,))
    gate = make_disk_gate([root], terminal_asker.TerminalAsker(yes), policies.build_index_limits(settings))
    state = open_state()
    try:
        yield gate, SessionStore(state)
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        asyncio.run(gate.close())
        state.close()


def _find_root(directory: Path | None) -> Path:
    """Return the workspace `directory`; without it, the workspace of the working directory."""
    return arguments.choose_workspace(directory)
