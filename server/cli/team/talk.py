"""`starling ask` and `starling do`: a request to the team of agents, in a session that is kept.

`ask` only reads. `do` changes files and runs commands, each after a question. Start at `ask`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, terminal, terminal_asker, workspace
from server.cli.team.roles import check_role
from server.cli.team.workflows import check_workflow
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from agents.team.events import TurnEnded
    from agents.team.permissions.modes import Mode
    from server.assembly.core import Core

FAILED = 1

Words = Annotated[list[str], typer.Argument(metavar="REQUEST", help="What you want, in words; `@role` chooses who.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
SessionName = Annotated[
    str, typer.Option("--session", "-s", metavar="ID", help="Continue this session; the first characters suffice.")
]
Continues = Annotated[bool, typer.Option("--continue", "-c", help="Continue the newest session of the workspace.")]
RoleName = Annotated[str, typer.Option("--role", "-r", metavar="ROLE", help="Who answers in this session.")]
WorkflowName = Annotated[
    str, typer.Option("--workflow", metavar="NAME", help="The workflow that does it; see `starling workflows`.")
]
WaitS = Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


def ask(  # noqa: PLR0913 (each is an option of the command)
    request: Words,
    *,
    session: SessionName = "",
    continues: Continues = False,
    role: RoleName = "",
    directory: Directory = None,
    wait_s: WaitS = 60,
    as_json: AsJson = False,
) -> int:
    """Ask agents about the code of the workspace."""
    from agents.team.permissions.modes import Mode  # noqa: PLC0415 (`--help` starts without the team)

    talk = _Talk(" ".join(request), session, continues, role, Mode.PLAN, (), as_json)
    return talk.run(directory, wait_s)


def do(  # noqa: PLR0913 (each is an option of the command)
    request: Words,
    *,
    session: SessionName = "",
    continues: Continues = False,
    role: RoleName = "",
    workflow: WorkflowName = "",
    yes: terminal_asker.Yes = None,
    directory: Directory = None,
    wait_s: WaitS = 60,
    as_json: AsJson = False,
) -> int:
    """Have agents change the workspace. Asks you before each change."""
    from agents.team.permissions.modes import Mode  # noqa: PLC0415 (as above)

    talk = _Talk(" ".join(request), session, continues, role, Mode.ACT, tuple(yes or ()), as_json, workflow)
    return talk.run(directory, wait_s)


class _Talk:
    """One request to the team."""

    def __init__(  # noqa: PLR0913, PLR0917 (the options of the commands)
        self,
        request: str,
        session: str,
        continues: bool,  # noqa: FBT001
        role: str,
        mode: Mode,
        yes: tuple[terminal_asker.Kind, ...],
        as_json: bool,  # noqa: FBT001
        workflow: str = "",
    ) -> None:
        self._request = request
        self._session = session
        self._continues = continues
        self._role = role
        self._mode = mode
        self._yes = yes
        self._as_json = as_json
        self._workflow = workflow
        self._stopped = threading.Event()

    def run(self, directory: Path | None, wait_s: float) -> int:
        """Bring the index up to date, have the team answer, and show the answer; return the exit status.

        Raises:
            Failure: there is no such session, agents may not work, or the state cannot be read or written.
            Misuse: the request is empty, or there is no such role or workflow.
        """
        from agents.team.events import TurnStatus  # noqa: PLC0415 (as above)

        if not self._request.strip():
            raise Misuse('The request is empty; say what you want, like `starling ask "where is the price computed?"`.')
        root = arguments.choose_workspace(directory)
        self._role = check_role(self._role, root)
        check_workflow(self._workflow, root)
        with workspace.open_core(root) as core:
            workspace.check_rules(core)
            if core.settings.index.enabled:
                workspace.bring_up_to_date(core.index, wait_s=wait_s)
            session, ended = asyncio.run(self._run_turn(core, root))
        if self._as_json:
            terminal.emit({
                "session": session, "status": ended.status.value, "text": ended.text, "steps": ended.steps,
                "tokens": ended.tokens, "cost": ended.cost, "seconds": ended.seconds,
            })  # fmt: skip
        elif ended.status is not TurnStatus.DONE:
            terminal.note(ended.text)
        if not session:
            terminal.note("Nothing was answered, so no session is kept.")
            return FAILED
        command = "do" if self._mode.value == "act" else "ask"
        option = f" --workflow {self._workflow}" if self._workflow and ended.status is not TurnStatus.DONE else ""
        changes = "" if command == "do" else " (`do` in place of `ask` lets agents change files)"
        terminal.note(f"To go on: starling {command}{option} --session {session[:8]} ...{changes}")
        return 0 if ended.status is TurnStatus.DONE else FAILED

    async def _run_turn(self, core: Core, root: Path) -> tuple[str, TurnEnded]:
        """Run one turn of the session, showing its events; return the session's id and how the turn ended.

        The id is "" if the turn was cancelled before an agent did anything in a new session, which is then deleted.

        Raises:
            Failure: there is no such session, it cannot be used, or the state cannot be read or written.
        """
        from agents.ports.failures import StateError  # noqa: PLC0415 (as above)
        from agents.ports.sessions import SessionUnavailable  # noqa: PLC0415
        from agents.team.events import TurnStatus  # noqa: PLC0415
        from agents.team.session_runner import SessionRunner  # noqa: PLC0415
        from agents.team.workflows.runner import WorkflowRequest  # noqa: PLC0415
        from server.assembly.gates import open_state  # noqa: PLC0415
        from server.assembly.team import Client, open_disk_team  # noqa: PLC0415
        from server.cli.team.counted_changes import CountedChanges, join_names  # noqa: PLC0415
        from server.cli.team.turn_printer import TurnPrinter  # noqa: PLC0415
        from server.cli.terminal_person import TerminalPerson  # noqa: PLC0415
        from server.state.gate_records import GateRecords  # noqa: PLC0415
        from server.state.watching.metrics_store import flush_all  # noqa: PLC0415

        changed: tuple[str, ...] = ()
        asker = terminal_asker.TerminalAsker(self._yes)
        printer = TurnPrinter(writes_text=not self._as_json)
        state = open_state()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the program
            loop.add_signal_handler(signal.SIGINT, self._stopped.set)
        try:
            client = Client("starling", self._mode, TerminalPerson(asker, self._stopped.is_set))
            async with open_disk_team(core, root, state, client, asker) as team:
                session = self._open_session(team.sessions, root)
                is_new = not (self._session or self._continues)
                workflow = WorkflowRequest(self._workflow) if self._workflow else None
                changes = CountedChanges(team.bench.changes)
                team = replace(team, bench=replace(team.bench, changes=changes))  # noqa: PLW2901 (the same team)
                is_broken_off = True
                try:
                    ended = await SessionRunner(team, session).handle(
                        self._request, printer.show, self._stopped.is_set, workflow=workflow
                    )
                    is_broken_off = ended.status is TurnStatus.CANCELLED
                finally:
                    if is_new and is_broken_off and workflow is None and not printer.has_shown_work:
                        with contextlib.suppress(SessionUnavailable, StateError):
                            await asyncio.to_thread(team.sessions.delete, session)
                            session = ""
                with contextlib.suppress(StateError):  # the turn has ended well
                    changed = await asyncio.to_thread(changes.list_files, GateRecords(state), root)
        except (SessionUnavailable, StateError) as error:
            raise Failure(str(error)) from error
        finally:
            await asyncio.to_thread(flush_all)
            state.close()
        printer.end(ended.text if ended.status == "done" else "")
        if changed:
            terminal.note(f"changed {join_names(changed)}; `starling undo` takes the last change back.")
        return session, ended

    def _open_session(self, sessions: Any, root: Path) -> str:  # noqa: ANN401 (a protocol that `--help` does not load)
        """Return the id of the session to continue; without one, create a session and return its id.

        Raises:
            Failure: there is no such session, or the first characters of the id fit several.
        """
        place = root.as_uri()
        if self._session or self._continues:
            known = sessions.list_newest(place, 1000)
            found = [one for one in known if one.id.startswith(self._session)]
            if not found or (self._session and len(found) > 1):
                what = "several sessions" if found else "no session"
                raise Failure(f"There is {what} {self._session} in this workspace; `starling sessions` lists them.")
            return str(found[0].id)
        from agents.team.transcript import make_title  # noqa: PLC0415 (as above)

        return str(sessions.create(place, title=make_title(self._request), role=self._role).id)
