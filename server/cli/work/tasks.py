"""`starling tasks`: adds, lists, shows, cancels and retries queued tasks, and proposes the changes. Start at `app`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal, terminal_asker
from server.cli.tables import Column
from server.cli.team.roles import check_role
from server.cli.team.workflows import check_workflow
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.task_queue import QueuedTask
    from server.state.database import State
    from server.state.task_store import TaskStore
    from server.work.workspace_tasks import WorkspaceTasks

MOST_LISTED = 100
MOST_ENTRIES = 10_000
COLUMNS = (Column("ID", typed=True), *map(Column, ("STATUS", "PRIORITY", "CHANGED", "TITLE")))

Name = Annotated[str, typer.Argument(metavar="ID", help="The task; the first characters of its id suffice.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="The queue of tasks for agents: add, list, cancel, retry, merge.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_tasks(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the tasks of the workspace, newest first."""
    if context.invoked_subcommand is not None:
        return
    with _open_queue() as (queue, _):
        found = queue.list_newest(_name_workspace(directory), MOST_LISTED)
    if as_json:
        terminal.emit({"tasks": [_describe(one) for one in found]})
        return
    if not found:
        terminal.note("There is no task in this workspace yet; add one with `starling tasks add`.")
        return
    rows = [
        (
            one.id[:8],
            one.status.value,
            one.task.priority.name.lower(),
            terminal.format_time(one.changed),
            " ".join(one.task.title.split()),
        )
        for one in found
    ]
    tables.show(COLUMNS, rows)


@app.command("add")
def add(  # noqa: PLR0913 (each is an option of the command)
    title: Annotated[list[str], typer.Argument(metavar="REQUEST", help="What is to be done, in words.")],
    *,
    details: Annotated[str, typer.Option("--details", metavar="TEXT", help="Everything else the agent is told.")] = "",
    role: Annotated[str, typer.Option("--role", "-r", metavar="ROLE", help="The role that is to do it.")] = "",
    workflow: Annotated[
        str, typer.Option("--workflow", metavar="NAME", help="The workflow that does it; see `starling workflows`.")
    ] = "",
    priority: Annotated[str, typer.Option("--priority", "-p", metavar="P", help="high, medium or low.")] = "medium",
    deadline: Annotated[
        str, typer.Option("--deadline", metavar="WHEN", help="30m, 2h or 3d from now, or a time like 2030-01-31T12:00.")
    ] = "",
    needs: Annotated[
        list[str] | None, typer.Option("--needs", metavar="ID", help="A task that has to be done before; repeatable.")
    ] = None,
    key: Annotated[str, typer.Option("--key", metavar="NAME", help="Adds nothing if a task has this key.")] = "",
    reads: Annotated[bool, typer.Option("--read-only", help="Agents only read and answer.")] = False,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Add a task to the queue; `starling work` does it."""
    from agents.ports.task_queue import NewTask, Priority, QueueFull  # noqa: PLC0415 (`--help` starts without)
    from indexing.workspace.secrets.known_places import register_secrets  # noqa: PLC0415
    from server.work.deadlines import parse_deadline  # noqa: PLC0415

    if priority.upper() not in Priority.__members__:
        raise Misuse(f"{priority} is no priority; give high, medium or low.")
    _check_workflow(workflow, directory, role=role, reads=reads)
    role = check_role(role, _resolve_root(directory))
    register_secrets([_resolve_root(directory)])
    try:
        due = parse_deadline(deadline, time.time())
    except ValueError as error:
        raise Misuse(str(error)) from error
    with _open_tasks(directory, logs=True) as (tasks, queue):
        needed = tuple(tasks.find(one).id for one in needs or ())
        try:
            added = queue.add(
                NewTask(
                    _name_workspace(directory), " ".join(title), details, role, Priority[priority.upper()],
                    due, needed,
                    key=key, workflow=workflow, writes=not reads,
                )
            )  # fmt: skip
        except (QueueFull, LookupError, ValueError) as error:
            raise Failure(f"The task was not added: {error}") from error
    if as_json:
        terminal.emit(_describe(added))
    else:
        sys.stdout.write(f"{added.id[:8]}\n")


def _check_workflow(name: str, directory: Path | None, *, role: str, reads: bool) -> None:
    """Check that the workflow `name` exists and fits the other options; do nothing for "".

    Raises:
        Misuse: there is no such workflow, or an option excludes it.
    """
    if not name:
        return
    if reads or role:
        raise Misuse("A workflow changes files and has its own roles; leave out --read-only and --role.")
    check_workflow(name, arguments.choose_workspace(directory))


@app.command("show")
def show(name: Name, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """Show a task with its result, and its branch if it has one."""
    with _open_tasks(directory) as (tasks, _):
        found = tasks.find(name)
        facts = {**_describe(found), "branch": tasks.list_branches().get(found.id, "")}
    if as_json:
        terminal.emit(facts)
        return
    if facts["branch"] and found.status.value in {"done", "failed", "waiting"}:
        facts["branch"] += f" (`starling tasks merge {found.id[:8]}` proposes it to you)"
    for label, value in facts.items():
        if value is not None and value not in ("", []):
            text = terminal.format_time(value) if label in {"created", "changed", "deadline"} else str(value)
            sys.stdout.write(f"{label + ':':10} {terminal.escape(text)}\n")


@app.command("log")
def log(name: Name, *, directory: Directory = None) -> None:
    """Write what agents did for a task as Markdown."""
    from server.state import session_export  # noqa: PLC0415 (`--help` starts without the team)
    from server.state.session_store import SessionStore  # noqa: PLC0415

    with _open_tasks(directory) as (tasks, _), _open_queue() as (_, state):
        found, store = tasks.find(name), SessionStore(state)
        session = store.get(found.id)
        if session is None:
            raise Failure(f"No agent has worked on {found.task.title!r} yet; `starling work` does the tasks.")
        entries = store.read(session.id, limit=MOST_ENTRIES)
    sys.stdout.write(terminal.escape(session_export.format_markdown(session, entries, {})))


@app.command("cancel")
def cancel(name: Name, *, directory: Directory = None) -> None:
    """Cancel a task; what it has written so far is dropped."""
    with _open_tasks(directory, logs=True) as (tasks, _):
        left = tasks.cancel(tasks.find(name))
    if left:
        terminal.note(left)


@app.command("pause")
def pause(name: Name, *, directory: Directory = None) -> None:
    """Pause a task until it is retried."""
    with _open_tasks(directory, logs=True) as (tasks, _):
        tasks.pause(tasks.find(name))


@app.command("retry")
def retry(name: Name, *, directory: Directory = None) -> None:
    """Queue a task again that ended undone, is paused, or waits."""
    with _open_tasks(directory, logs=True) as (tasks, _):
        tasks.retry(tasks.find(name))


@app.command("merge")
def merge(name: Name, *, yes: terminal_asker.Yes = None, directory: Directory = None) -> int:
    """Propose the changes of a task's branch for your own files."""
    with _open_tasks(directory, logs=True) as (tasks, _):
        return asyncio.run(_merge(tasks, tasks.find(name), _resolve_root(directory), tuple(yes or ())))


@app.command("drop")
def drop(name: Name, *, directory: Directory = None) -> None:
    """Delete the branch of a task, with all changes on it."""
    with _open_tasks(directory, logs=True) as (tasks, _):
        tasks.drop(tasks.find(name))


async def _merge(tasks: WorkspaceTasks, task: QueuedTask, root: Path, yes: tuple[terminal_asker.Kind, ...]) -> int:
    """Propose the changes of the branch of `task`, apply them if approved, delete the branch, and return the status 0.

    The branch is kept if the person took only parts, or the task has gone on meanwhile.

    Raises:
        Failure: the changes were not applied; the branch is kept.
        TaskRefused: as `WorkspaceTasks.merge`.
    """
    from server.assembly import policies  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import make_disk_gate  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415

    settings, _ = resolve(roots=(root,))
    gate = make_disk_gate([root], terminal_asker.TerminalAsker(yes), policies.build_index_limits(settings))
    try:
        merged = await tasks.merge(task, gate.propose)
    finally:
        await gate.close()
    outcome = merged.outcome
    if outcome is not None and not outcome.applied:
        raise Failure(f"{outcome.reason or 'It was not approved.'} The branch {merged.branch} is kept.")
    if outcome is not None and merged.kept:
        how = f"merged in part: {outcome.reason}" if outcome.left_out else "merged, but the task has gone on meanwhile."
        terminal.note(f"{how} The branch {merged.branch} is kept.")
        return 0
    terminal.note("merged; `starling undo` takes it back." if outcome is not None else "the branch changes nothing.")
    return 0


@contextlib.contextmanager
def _open_tasks(directory: Path | None, *, logs: bool = False) -> Iterator[tuple[WorkspaceTasks, TaskStore]]:
    """Yield the tasks of the workspace and the queue; close the state database afterwards.

    With `logs`, what changes in the queue is logged as actions.

    Raises:
        Failure: a decision about a task cannot be carried out, or the state cannot be used.
    """
    from server.work.workspace_tasks import TaskRefused, WorkspaceTasks  # noqa: PLC0415 (`--help` starts without)

    if logs:
        from server.assembly.settings import resolve  # noqa: PLC0415 (where something is logged)
        from server.assembly.watching import action_log  # noqa: PLC0415
        from server.state import paths  # noqa: PLC0415

        action_log.start(resolve()[0].log, paths.log_dir())
    with _open_queue() as (queue, _):
        try:
            yield WorkspaceTasks(queue, _resolve_root(directory)), queue
        except TaskRefused as error:
            raise Failure(str(error)) from error


def _open_queue() -> Any:  # noqa: ANN401 (a context manager of classes that `--help` does not load)
    """Return a context manager that gives the queue and the state database, and closes both.

    Turns a `StateError` into a `Failure`.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.task_store import TaskStore  # noqa: PLC0415

    @contextlib.contextmanager
    def use_queue() -> Iterator[tuple[TaskStore, State]]:
        """Yield the queue and the state database; close the database afterwards."""
        state = open_state()
        try:
            yield TaskStore(state), state
        except StateError as error:
            raise Failure(str(error)) from error
        finally:
            state.close()

    return use_queue()


def _describe(queued: QueuedTask) -> dict[str, Any]:
    """Return a task as JSON."""
    task = queued.task
    return {
        "id": queued.id, "title": task.title, "status": queued.status.value, "priority": task.priority.name.lower(),
        "role": task.role, "workflow": task.workflow, "writes": task.writes, "details": task.details,
        "deadline": task.deadline, "needs": list(task.needs), "parent": task.parent, "key": task.key,
        "attempts": queued.attempts, "worker": queued.worker, "created": queued.created, "changed": queued.changed,
        "result": queued.result,
    }  # fmt: skip


def _resolve_root(directory: Path | None) -> Path:
    """Return the workspace `directory`; without it, the workspace of the working directory."""
    return arguments.choose_workspace(directory)


def _name_workspace(directory: Path | None) -> str:
    """Return the URI of the workspace `directory`; without it, of the workspace of the working directory."""
    return _resolve_root(directory).as_uri()
