"""`starling work`: does the queued tasks of a workspace, until none is left or for good. Start at `work`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, terminal, terminal_asker, workspace
from server.cli.team.roles import check_role
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask
    from agents.team.events import Event
    from server.assembly.core import Core
    from server.state.database import State
    from server.work.performing import Asking

MOST_WORKERS = 16

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]


def work(  # noqa: PLR0913 (each is an option of the command)
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for further tasks until the command is ended.")] = False,
    workers: Annotated[
        int, typer.Option("--workers", "-n", metavar="N", min=1, max=MOST_WORKERS, help="Tasks done at once.")
    ] = 1,
    role: Annotated[
        list[str] | None, typer.Option("--role", "-r", metavar="ROLE", help="Do only tasks for this role; repeatable.")
    ] = None,
    yes: terminal_asker.Yes = None,
    asks: Annotated[
        bool, typer.Option("--ask", help="Let questions wait until you answer them elsewhere, for up to 24 hours.")
    ] = False,
    directory: Directory = None,
    wait_s: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")] = 60,
) -> int:
    """Do the tasks of the queue, each on a branch of its own."""
    from agents.team.session_runner import NO_MODEL  # noqa: PLC0415 (`--help` starts without the team)

    root = arguments.choose_workspace(directory)
    roles = tuple(check_role(one, root) for one in role or ())
    with workspace.open_core(root) as core:
        workspace.check_rules(core)
        if core.chat is None:
            raise Failure(f"{NO_MODEL} Nothing was begun; all tasks stay in the queue.")
        if watch:
            _show_metrics(core)
        if core.settings.index.enabled:
            workspace.bring_up_to_date(core.index, wait_s=wait_s)
        options = _Options(workers, roles, tuple(yes or ()), asks, watch)
        done, undone = asyncio.run(_work(core, root, options))
    others = f", {terminal.format_count(undone, 'attempt')} failed or left to you (`starling tasks`)" if undone else ""
    terminal.note(f"{terminal.format_count(done, 'task')} done{others}.")
    return 0


def _show_metrics(core: Core) -> None:
    """Show the metrics of this process, if the person's settings say where."""
    from server.assembly.observation import switching  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.observation.sources import SOURCES, CoreSource  # noqa: PLC0415

    SOURCES.add(CoreSource(core))
    for problem in switching.apply(core.settings):
        terminal.note(problem)


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command, as `work` describes them."""

    workers: int
    roles: tuple[str, ...]
    yes: tuple[terminal_asker.Kind, ...]
    asks: bool
    watches: bool


async def _work(core: Core, root: Path, options: _Options) -> tuple[int, int]:
    """Run the workers until a signal ends the command; return the numbers of tasks done and of attempts that were not.

    If it watches, also runs the background jobs; else the workers also end once no task is left for them.
    """
    from agents.team.queue.worker import Worker  # noqa: PLC0415 (`--help` starts without the team)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415
    from server.state.background.schedule_store import ScheduleStore  # noqa: PLC0415
    from server.state.lease_owners import name_owner  # noqa: PLC0415
    from server.state.task_store import TaskStore  # noqa: PLC0415
    from server.work.background_jobs import Place, make_jobs  # noqa: PLC0415
    from server.work.life_signs import LifeSigns, renew_signs  # noqa: PLC0415
    from server.work.performing import TaskPerformer, remove_leftovers  # noqa: PLC0415
    from server.work.schedule import Schedule  # noqa: PLC0415
    from server.work.worktrees import Worktrees  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM"):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the program
            loop.add_signal_handler(getattr(signal, name), stop.set)
    state = open_state()
    worktrees = Worktrees(root, paths.worktrees_dir())
    performer = TaskPerformer(core, root, state, worktrees, _make_asking(state, options), show, terminal.note)
    queue, workspace_uri = TaskStore(state), root.as_uri()
    living = asyncio.create_task(renew_signs(LifeSigns(workspace_uri), queue, workspace_uri))
    try:
        await asyncio.to_thread(remove_leftovers, queue, worktrees, workspace_uri)
        place = Place(core, root, state, queue, worktrees, terminal.note)
        schedule = Schedule(
            ScheduleStore(state), workspace_uri, make_jobs(place) if options.watches else (), terminal.note
        )
        made = [
            Worker(
                queue, workspace_uri, name_owner("starling work"), performer, roles=options.roles, watch=performer.watch
            )
            for _ in range(options.workers)
        ]
        scheduled = asyncio.create_task(schedule.run(stop))
        try:
            done = await asyncio.gather(*(one.run(stop, until_empty=not options.watches) for one in made))
        finally:
            stop.set()
            await scheduled
        return sum(done), sum(one.undone for one in made)
    finally:
        living.cancel()
        await asyncio.wait((living,))
        await asyncio.to_thread(performer.watch.close)
        state.close()


def _make_asking(state: State, options: _Options) -> Asking:
    """Return the way in which a person is asked: at the terminal, or with `--ask` from anywhere."""
    from server.cli.terminal_person import TerminalPerson  # noqa: PLC0415 (as above)
    from server.state.given_answers import GivenAnswers  # noqa: PLC0415
    from server.work.performing import Asking  # noqa: PLC0415
    from server.work.waiting_asker import ANSWER_S, WaitingAsker, WaitingPerson  # noqa: PLC0415

    if options.asks:
        answers = GivenAnswers(state)
        return Asking(
            WaitingAsker(answers, terminal.note),
            lambda session, stopped: WaitingPerson(answers, session, stopped, terminal.note),
            ANSWER_S,
        )
    asker = terminal_asker.TerminalAsker(options.yes)
    person = TerminalPerson(asker)
    return Asking(asker, lambda _, __: person)


def show(task: QueuedTask, event: Event) -> None:
    """Write a line to stderr about an event of a task's turn: an agent, a call, its failure or a note; nothing else."""
    from agents.team import events  # noqa: PLC0415 (as above)

    match event:
        case events.AgentChosen():
            said = f"{event.agent}: {event.why}"
        case events.CallStarted():
            said = f"{event.agent}: {event.title}"
        case events.CallEnded() if event.failed:
            said = f"{event.agent}: {event.tool} failed: {event.text.splitlines()[0] if event.text else ''}"
        case events.Noted():
            said = event.text
        case _:
            return
    terminal.note(f"{task.id[:8]} {said}")
