"""`starling.tasks`: the queue of tasks for agents: list, add, show, cancel, pause, retry, merge or drop them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.ports.task_queue import NewTask, Priority, QueueFull
from server.assembly.team import load_all_roles, load_all_workflows
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord, ProposalOutcome
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.workspace_state import list_folders, use_state
from server.state import session_export
from server.state.lease_owners import describe_owner
from server.state.session_store import SessionStore
from server.state.task_store import TaskStore
from server.work.deadlines import parse_deadline
from server.work.waiting_questions import WaitingQuestions
from server.work.workspace_tasks import TaskRefused, WorkspaceTasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.ports.task_queue import QueuedTask
    from server.gate.journal import Journal
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.database import State

MOST_ENTRIES = 10_000


class Arguments(CommandRecord):
    """An action on one task or all of them."""

    action: Literal["list", "show", "log", "add", "cancel", "pause", "retry", "merge", "drop"] = Field(
        default="list",
        description='"list" only lists; "show" returns one task with all its texts; "log" also what agents did for it; '
        '"add" queues a new one; "cancel" ends one and deletes its branch; "pause" stops one until it is retried; '
        '"retry" queues one again; "merge" proposes the changes of its branch for the open workspace; "drop" deletes '
        "its branch.",
    )
    task: str = Field(
        default="", max_length=100, description='For all but "list" and "add": the task\'s id, or its first characters.'
    )
    limit: int = Field(default=100, ge=1, le=1000, description="Most tasks to list, of each workspace folder.")
    title: str = Field(default="", max_length=10_000, description='For "add": what is to be done, in words.')
    details: str = Field(default="", max_length=100_000, description='For "add": everything else the agent is told.')
    role: str = Field(default="", max_length=100, description='For "add": the role that does it, "" for any.')
    workflow: str = Field(default="", max_length=100, description='For "add": the workflow that does it, "" for none.')
    priority: Literal["high", "medium", "low"] = Field(default="medium", description='For "add": how urgent it is.')
    deadline: str = Field(
        default="", max_length=100, description='For "add": "30m", "2h" or "3d" from now, or a time; "" for none.'
    )
    needs: list[str] = Field(default=[], max_length=100, description='For "add": tasks to be done before.')
    key: str = Field(default="", max_length=1000, description='For "add": a second task with this key is not added.')
    read_only: bool = Field(default=False, description='For "add": whether agents only read and answer.')


class TaskFacts(CommandRecord):
    """A queued task."""

    id: str = Field(description="Its id, which is also its session's.")
    workspace: str = Field(description="URI of the workspace folder.")
    title: str = Field(description="What is to be done.")
    status: str = Field(description='"queued", "running", "paused", "waiting", "done", "failed" or "cancelled".')
    priority: str = Field(description='"high", "medium" or "low".')
    role: str = Field(description='The role that does it, "" for any.')
    workflow: str = Field(description='The workflow that does it, "" for none.')
    writes: bool = Field(description="Whether agents may change files, in a worktree of its own.")
    deadline: float | None = Field(description="Seconds since the epoch, null for none.")
    needs: tuple[str, ...] = Field(description="Ids of tasks that have to be done before.")
    attempts: int = Field(description="How often a worker has begun it.")
    worker: str = Field(description='The worker that does it, or did last, "" for none.')
    created: float = Field(description="Seconds since the epoch.")
    changed: float = Field(description="When its status last changed, seconds since the epoch.")
    result: str = Field(description='What came of it, or why it failed or waits, "" before that.')
    branch: str = Field(description='The branch with its changes, which can be merged or dropped, "" for none.')
    questions: int = Field(description="Number of its questions that wait for an answer, in `starling.questions`.")


class Result(CommandRecord):
    """The tasks afterwards."""

    tasks: tuple[TaskFacts, ...] = Field(
        description='Newest first; the one that was named, unless the action is "list".'
    )
    details: str = Field(default="", description='For "show" and "log": everything else that the agent is told.')
    log: str = Field(default="", description='For "log": what agents did, in Markdown.')
    outcome: ProposalOutcome | None = Field(default=None, description='For "merge": the outcome; null for no change.')
    note: str = Field(default="", description="A sentence for the person about what was done, if there is more to say.")


@dataclass(frozen=True, slots=True)
class _Place:
    """The folders and records that the command uses.

    Attributes:
        folders: the workspace folders by their real paths; the first one gets new tasks.
        roots: the workspace folders as the client names them.
        journal: the record of requests.
    """

    folders: tuple[Path, ...]
    roots: tuple[Path, ...]
    journal: Journal


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Do the `action` and return the task as it is afterwards; for "list" up to `limit` tasks of each folder.

    Raises:
        CommandFailed: no folder is open; there is no such task, or its status does not allow the action; a new task is
            incomplete, or too many are open; or the state cannot be used.
    """
    folders = await asyncio.to_thread(list_folders, snapshot.roots)
    place = _Place(folders, snapshot.roots, services.gate.journal)
    match arguments.action:
        case "list":
            return Result(tasks=await use_state(partial(_list, place, arguments.limit)))
        case "add":
            if arguments.workflow:
                await _check_workflow(services, snapshot.roots, arguments)
            elif arguments.role:
                await _check_role(services, snapshot.roots, arguments.role)
            return await use_state(partial(_add, place, arguments))
        case "merge":
            return await _merge(services, place, arguments.task)
        case _:
            return await use_state(partial(_act, place, arguments))


def _list(place: _Place, limit: int, state: State) -> tuple[TaskFacts, ...]:
    """Return up to `limit` tasks of each folder, newest first. Raises StateError."""
    queue = TaskStore(state)
    found = [one for folder in place.folders for one in queue.list_newest(folder.as_uri(), limit)]
    return _describe_tasks(place, sorted(found, key=lambda one: (-one.created, one.id)), state)


def _add(place: _Place, arguments: Arguments, state: State) -> Result:
    """Queue a new task in the first folder and return it; an older task with its key is returned instead.

    Raises:
        ValueError: the task is incomplete, or its deadline cannot be read.
        TaskRefused: there is no task that it needs, or too many tasks are open.
        StateError: the state cannot be read or written.
    """
    queue = TaskStore(state)
    tasks = WorkspaceTasks(queue, place.folders[0])
    if not arguments.title.strip():
        raise ValueError("A task needs a title; say what is to be done.")
    needed = tuple(tasks.find(one).id for one in arguments.needs)
    wanted = NewTask(
        tasks.workspace, arguments.title.strip(), arguments.details, arguments.role,
        Priority[arguments.priority.upper()], parse_deadline(arguments.deadline, time.time()),
        needed, key=arguments.key, workflow=arguments.workflow,
        writes=not arguments.read_only,
    )  # fmt: skip
    try:
        added = queue.add(wanted)
    except (QueueFull, LookupError) as error:
        raise TaskRefused(f"The task was not added: {error}") from error
    return Result(tasks=_describe_tasks(place, [added], state))


async def _check_role(services: Services, roots: Sequence[Path], role: str) -> None:
    """Raise CommandFailed if there is no such role."""
    trusted = (await targets.wait_for_core(services)).settings.team.trusted
    known = await asyncio.to_thread(load_all_roles, roots, trusted)
    if known.get(role) is None:
        raise CommandFailed(
            f"There is no role {role!r}.", code="unknown-role", what_next=f"There are: {', '.join(known.by_name)}."
        )


async def _check_workflow(services: Services, roots: Sequence[Path], arguments: Arguments) -> None:
    """Raise CommandFailed if there is no such workflow, or it does not fit the other arguments."""
    if arguments.read_only or arguments.role:
        raise CommandFailed(
            "A workflow changes files and has its own roles.",
            code="invalid",
            what_next="Leave out `read_only` and `role`.",
        )
    trusted = (await targets.wait_for_core(services)).settings.team.trusted
    known = await asyncio.to_thread(lambda: load_all_workflows(roots, trusted, load_all_roles(roots, trusted)).by_name)
    if arguments.workflow not in known:
        raise CommandFailed(
            f"There is no workflow {arguments.workflow!r}.",
            code="unknown-workflow",
            what_next=f"There are: {', '.join(known)}.",
        )


def _act(place: _Place, arguments: Arguments, state: State) -> Result:
    """Show, cancel, pause, retry or drop a task, or read its log; return the task as it is afterwards.

    Raises:
        TaskRefused: there is no such task, or its status does not allow it.
        StateError: the state cannot be read or written.
    """
    tasks, found = _find(place, arguments.task, state)
    note = log = ""
    match arguments.action:
        case "cancel":
            note = tasks.cancel(found)
        case "pause":
            tasks.pause(found)
        case "retry":
            tasks.retry(found)
        case "drop":
            tasks.drop(found)
        case "log":
            log = _read_log(found, state)
    after = TaskStore(state).get(found.id) or found
    shows = arguments.action in {"show", "log"}
    return Result(
        tasks=_describe_tasks(place, [after], state), details=found.task.details if shows else "", log=log, note=note
    )


async def _merge(services: Services, place: _Place, name: str) -> Result:
    """Propose the changes of a task's branch through this client, and return the task and the outcome.

    The files that had no unsaved text before are saved by the client, if it can do that.

    Raises:
        CommandFailed: the task has no branch or has not ended, its changes cannot be proposed, or the state cannot be
            used.
    """
    tasks, found = await use_state(partial(_find, place, name))
    try:
        merged = await tasks.merge(found, services.get_team().propose_and_save)
    except TaskRefused as error:
        raise CommandFailed(str(error), code="refused") from error
    facts = await use_state(partial(_describe_tasks, place, [found]))
    if merged.outcome is None:
        ending = "it is kept, because the task has gone on meanwhile" if merged.kept else "it was deleted"
        return Result(tasks=facts, note=f"The branch changes nothing; {ending}.")
    note = f"The branch {merged.branch} is kept." if merged.kept else ""
    return Result(tasks=facts, outcome=ProposalOutcome.of(merged.outcome), note=note)


def _find(place: _Place, name: str, state: State) -> tuple[WorkspaceTasks, QueuedTask]:
    """Return the tasks of the first folder where exactly one id begins with `name`, and that task.

    Raises:
        TaskRefused: there is no such folder.
        StateError: the queue cannot be read.
    """
    all_tasks = [WorkspaceTasks(TaskStore(state), folder) for folder in place.folders]
    for tasks in all_tasks[:-1]:
        try:
            return tasks, tasks.find(name)
        except TaskRefused:
            continue
    return all_tasks[-1], all_tasks[-1].find(name)


def _read_log(task: QueuedTask, state: State) -> str:
    """Return what agents did for a task as Markdown.

    Raises:
        TaskRefused: no agent has worked on it yet.
        StateError: the sessions cannot be read.
    """
    store = SessionStore(state)
    session = store.get(task.id)
    if session is None:
        raise TaskRefused(f"No agent has worked on {task.task.title!r} yet; `starling work` does the tasks.")
    return session_export.format_markdown(session, store.read(session.id, limit=MOST_ENTRIES), {})


def _describe_tasks(place: _Place, tasks: Sequence[QueuedTask], state: State) -> tuple[TaskFacts, ...]:
    """Return tasks for the client, with their branches and the number of their questions. Raises StateError."""
    queue = TaskStore(state)
    branches: dict[str, str] = {}
    for folder in place.folders:
        branches |= WorkspaceTasks(queue, folder).list_branches()
    questions = WaitingQuestions(place.journal, state, frozenset({*place.folders, *place.roots}))
    asking = [one.session for one in questions.list_waiting()]
    return tuple(_describe_task(one, branches.get(one.id, ""), asking.count(one.id)) for one in tasks)


def _describe_task(queued: QueuedTask, branch: str, questions: int) -> TaskFacts:
    """Return a task for the client, with its branch and the number of its questions."""
    task = queued.task
    return TaskFacts(
        id=queued.id,
        workspace=task.workspace,
        title=task.title,
        status=queued.status.value,
        priority=task.priority.name.lower(),
        role=task.role,
        workflow=task.workflow,
        writes=task.writes,
        deadline=task.deadline,
        needs=task.needs,
        attempts=queued.attempts,
        worker=describe_owner(queued.worker),
        created=queued.created,
        changed=queued.changed,
        result=queued.result,
        branch=branch,
        questions=questions,
    )
