"""The work of a queued task: one session with the team, in a worktree of its own if it may change files.

The session has the task's id, so that an attempt after a kill goes on where the last one stopped, and a person can read
and continue it. Start at `TaskPerformer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from agents.ports.sessions import SessionInUse, SessionUnavailable
from agents.ports.task_proposals import KEY_PREFIX, DaySpending
from agents.ports.task_queue import TaskStatus
from agents.team.events import Noted, TurnEnded, TurnStatus
from agents.team.permissions.modes import Mode
from agents.team.queue.worker import Ending, Performed
from agents.team.session_runner import NO_MODEL, SessionRunner
from agents.team.transcript import make_title
from agents.team.watching.watch import GitTrouble, ModelAsked
from agents.team.workflows.runner import WorkflowRequest
from indexing.storage.index_files import IndexPaths
from models.chat import Fault
from server.assembly.core import derive
from server.assembly.team import Client, open_disk_team
from server.assembly.watching.team_watch import watch_team
from server.gate.gate import LIMITS
from server.state import paths
from server.state.background.proposal_store import ProposalStore
from server.state.given_answers import GivenAnswers
from server.state.task_store import TaskStore
from server.work.commit_messages import compose_message
from server.work.worktrees import WorktreeFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from agents.ports.person import Person
    from agents.ports.sessions import Sessions
    from agents.ports.task_queue import QueuedTask, TaskQueue
    from agents.team.events import Event
    from agents.team.watching.watch import Watch, WatchedEvent
    from server.assembly.core import Core
    from server.gate.ports import Asker
    from server.state.database import State
    from server.state.given_answers import LeftAnswer
    from server.work.worktrees import Worktree, Worktrees

logger = logging.getLogger(__name__)

OWN_PLACE = ("edits", "delete_file")
"""Rules for a task's own worktree: its files are changed without a question, since the branch is what is approved."""

IN_USE_S = 1.0
"""Seconds between two attempts to take the lease of a session that another client has."""

_LATER = frozenset({
    Fault.UNREACHABLE, Fault.RESTING, Fault.CLOSED, Fault.RATE_LIMITED, Fault.UNAUTHORIZED, Fault.UNPAID,
    Fault.NOT_FOUND,
})  # fmt: skip
"""Failures of a model that say nothing about the task: it is postponed, if the model has not answered at all."""

_ENDINGS = {
    TurnStatus.DONE: Ending.DONE,
    TurnStatus.CANCELLED: Ending.STOPPED,
    TurnStatus.FAILED: Ending.FAILED,
    TurnStatus.LIMIT: Ending.WAITING,
    TurnStatus.REPEATED: Ending.WAITING,
}


@dataclass(frozen=True, slots=True)
class Asking:
    """The ways to ask a person about what a task does.

    Attributes:
        asker: asks the gate's questions.
        make_person: returns who answers agents' questions, for the id of a session and a function that returns
            whether its work is stopped.
        answer_s: longest wait for an answer to one of the gate's questions, in seconds.
    """

    asker: Asker
    make_person: Callable[[str, Callable[[], bool]], Person]
    answer_s: float = LIMITS.answer_s


@dataclass(slots=True)
class _ModelUse:
    """Answers of models during one attempt of a task; passes all events on.

    Attributes:
        watch: takes the events.
        answered: whether a model has answered.
        fault: kind of the last failure, "" for an answer.
    """

    watch: Watch
    answered: bool = False
    fault: str = ""

    def __call__(self, session: str, event: WatchedEvent) -> None:
        """Note whether a model has answered, and pass the event on."""
        if isinstance(event, ModelAsked):
            self.answered |= not event.fault
            self.fault = event.fault
        self.watch(session, event)

    def name_ending(self, ended: TurnEnded) -> Ending:
        """Return how an attempt has ended that had this use of models."""
        without_model = ended.text == NO_MODEL or (self.fault in _LATER and not self.answered)
        return Ending.POSTPONED if ended.status is TurnStatus.FAILED and without_model else _ENDINGS[ended.status]


@dataclass(frozen=True, slots=True)
class _Place:
    """The place where a task works: its core, its folder, and its worktree if it has one."""

    core: Core
    root: Path
    worktree: Worktree | None = None


class TaskPerformer:
    """Does the queued tasks of one workspace. Implements `agents.team.queue.worker.Perform`.

    Args:
        core: the workspace's core.
        root: the workspace folder.
        state: the state database, where sessions are stored.
        worktrees: the worktrees of the workspace's repository.
        asking: how a person is asked.
        show: takes each event of a turn, with the task.
        tell: shows an alert.
        clock: returns the seconds since the epoch.

    Attributes:
        watch: takes what happens, for logs and figures.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (its ports)
        self,
        core: Core,
        root: Path,
        state: State,
        worktrees: Worktrees,
        asking: Asking,
        show: Callable[[QueuedTask, Event], None],
        tell: Callable[[str], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._core = core
        self._root = root
        self._state = state
        self._queue = TaskStore(state)
        self._worktrees = worktrees
        self._asking = asking
        self._show = show
        self._clock = clock
        self.watch = watch_team(core.settings, state, root.as_uri(), tell, clock)

    async def __call__(self, task: QueuedTask, stopped: Callable[[], bool]) -> Performed:
        """Do `task`; see `agents.team.queue.worker.Perform`. Deletes its worktree and branch if it was cancelled."""
        use = _ModelUse(self.watch)
        try:
            async with self._open_place(task) as place:
                ended = await self._run_session(task, place, stopped, use)
                await self._record_usage(task, ended)
                performed = Performed(use.name_ending(ended), ended.text)
                if performed.ending is Ending.POSTPONED:
                    self._show(task, Noted(f"postponed: {ended.text}"))
                if ended.status is TurnStatus.CANCELLED or place.worktree is None:
                    return performed
                return await self._commit_and_remove(task, place.worktree, performed)
        except WorktreeFailed as error:
            self.watch(task.id, GitTrouble(str(error)))
            return Performed(Ending.WAITING, str(error))
        except SessionUnavailable as error:
            return Performed(Ending.FAILED, str(error))
        except StateError as error:
            return Performed(Ending.POSTPONED, str(error))
        finally:
            await asyncio.to_thread(self._remove_if_cancelled, task.id)

    def _remove_if_cancelled(self, task: str) -> None:
        """Delete the worktree, its index and the branch of a cancelled task that writes; log a failure. Blocking."""
        try:
            found = self._queue.get(task)
            if found is not None and found.task.writes and found.status is TaskStatus.CANCELLED:
                worktree = self._worktrees.find(task)
                self._worktrees.remove(task, with_branch=True)
                if worktree is not None:
                    IndexPaths.of(paths.index_dir(), worktree.root).remove()
        except (StateError, WorktreeFailed) as error:  # removed when a worker starts
            logger.warning("the worktree of the cancelled task %s could not be removed: %s", task, error)

    async def _record_usage(self, task: QueuedTask, ended: TurnEnded) -> None:
        """Add the tokens and cost of a task of the autopilot to those of the day; do nothing for other tasks.

        Raises:
            StateError: the state cannot be written.
        """
        if task.task.key.startswith(KEY_PREFIX):
            used = DaySpending(tokens=ended.tokens, cost=ended.cost)
            await asyncio.to_thread(ProposalStore(self._state, self._clock).add_spending, self._root.as_uri(), used)

    @contextlib.asynccontextmanager
    async def _open_place(self, task: QueuedTask) -> AsyncIterator[_Place]:
        """Yield the place where `task` works: a worktree if it may change files, else the workspace.

        Closes the core of a worktree afterwards, and deletes its index if the worktree is gone.

        Raises:
            WorktreeFailed: the task needs a worktree, and none can be made.
        """
        if not task.task.writes:
            yield _Place(self._core, self._root)
            return
        worktree = await asyncio.to_thread(self._worktrees.open, task.id)
        core = await asyncio.to_thread(derive, self._core, worktree.root)
        try:
            core.start(None)
            yield _Place(core, worktree.root, worktree)
        finally:
            await asyncio.to_thread(core.close_unshared, self._core)
            if not await asyncio.to_thread(worktree.folder.exists):
                await asyncio.to_thread(IndexPaths.of(paths.index_dir(), worktree.root).remove)

    async def _run_session(
        self, task: QueuedTask, place: _Place, stopped: Callable[[], bool], watch: Watch
    ) -> TurnEnded:
        """Run one turn of the task's session, which is created if needed; return how the turn ended.

        Raises:
            SessionUnavailable, StateError: as `SessionRunner.handle`.
        """
        mode, allow = (Mode.ACT, OWN_PLACE) if place.worktree is not None else (Mode.PLAN, ())
        asking = self._asking
        person = asking.make_person(task.id, stopped)
        client = Client("starling work", mode, person, allow, self._root.as_uri(), watch)
        async with open_disk_team(place.core, place.root, self._state, client, asking.asker, asking.answer_s) as team:
            title = make_title(task.task.title)
            create, place_uri = team.sessions.create, self._root.as_uri()
            await asyncio.to_thread(create, place_uri, title=title, role=task.task.role, name=task.id, owner=team.owner)
            if not await self._wait_for_session(task, team.sessions, team.owner, stopped):
                return TurnEnded(TurnStatus.CANCELLED, "")
            runner, answers = SessionRunner(team, task.id), GivenAnswers(self._state)
            if task.task.workflow:
                request, wanted = _join_texts(task), task.task.workflow
                workflow = WorkflowRequest(wanted, commits=False, repeats=task.attempts == 1)
                return await runner.handle(request, lambda event: self._show(task, event), stopped, workflow=workflow)
            left = await asyncio.to_thread(answers.list_left, task.id)
            ended = await runner.handle(
                compose_request(task, left), lambda event: self._show(task, event), stopped, workflow=None
            )
            await asyncio.to_thread(answers.withdraw, *(one.id for one in left))  # the session has them now
            return ended

    async def _wait_for_session(
        self, task: QueuedTask, sessions: Sessions, owner: str, stopped: Callable[[], bool]
    ) -> bool:
        """Take the lease of a task's session, once no other client has it; return False if `stopped` before.

        Another worker may still be stopping the last attempt, or a person may go on with the session.

        Raises:
            SessionUnavailable, StateError: as `Sessions.acquire`.
        """
        told = False
        while not stopped():
            try:
                await asyncio.to_thread(sessions.acquire, task.id, owner)
            except SessionInUse as error:
                if not told:
                    self._show(task, Noted(f"waits: {error}"))
                    told = True
                await asyncio.sleep(IN_USE_S)
            else:
                return True
        return False

    async def _commit_and_remove(self, task: QueuedTask, worktree: Worktree, performed: Performed) -> Performed:
        """Commit what a turn has written, and remove the folder of the worktree, and its branch if nothing has changed.

        Returns the outcome, which names the branch and its changed files, if any.

        Raises:
            WorktreeFailed: git failed.
        """
        done = performed.ending is Ending.DONE
        await asyncio.to_thread(self._worktrees.commit, worktree, compose_message(task, done=done))
        changed = await asyncio.to_thread(self._worktrees.list_changed, worktree)
        await asyncio.to_thread(self._worktrees.remove, task.id, with_branch=not changed)
        if not changed:
            return performed
        names = ", ".join(changed[:10]) + (f" and {len(changed) - 10} more" if len(changed) > 10 else "")
        note = f"Changed on the branch {worktree.branch}: {names}."
        return Performed(performed.ending, f"{performed.text}\n\n{note}")


def remove_leftovers(queue: TaskQueue, worktrees: Worktrees, workspace: str) -> None:
    """Delete the worktrees of tasks that do not exist any more, and of tasks of `workspace` that have ended. Blocking.

    A killed worker leaves them. Branches are kept, except those of cancelled tasks; what is not committed yet is
    committed on them before. What a worker may still use stays. Logs what cannot be committed or deleted.

    Raises:
        StateError: the queue cannot be read.
    """
    for name in sorted({one.name for one in worktrees.list_folders()} | worktrees.list_branches().keys()):
        task = queue.get(name)
        if task is not None and (task.task.workspace != workspace or queue.is_held(name)):
            continue
        is_cancelled = task is not None and task.status is TaskStatus.CANCELLED
        has_ended = task is None or task.status in {TaskStatus.DONE, TaskStatus.FAILED}
        folder = paths.worktrees_dir() / name
        if is_cancelled or (has_ended and folder.exists()):
            try:
                if task is not None and not is_cancelled:
                    worktrees.commit_rest(task.id, compose_message(task, done=task.status is TaskStatus.DONE))
                worktrees.remove(name, with_branch=is_cancelled)
                IndexPaths.of(paths.index_dir(), folder).remove()
            except WorktreeFailed as error:
                logger.warning("the worktree %s could not be removed: %s", folder, error)


def _join_texts(task: QueuedTask) -> str:
    """Return the request to a workflow: title and details, the same for each attempt."""
    return f"{task.task.title}\n\n{task.task.details}".strip()


def compose_request(task: QueuedTask, left: Sequence[LeftAnswer] = ()) -> str:
    """Return the request to the team: role, title and details, and for a later attempt how the last one ended.

    `left` are a person's answers that the last attempt asked for and did not take.
    """
    wanted = task.task
    request = f"@{wanted.role} {wanted.title}" if wanted.role else wanted.title
    if wanted.details:
        request += f"\n\n{wanted.details}"
    if task.attempts > 1:
        request += f"\n\nThis is attempt {task.attempts}. The last one ended so: {task.result or 'it was cut off'}\n"
        request += "Look at what is there already before you go on."
    for one in left:
        request += f"\n\nAn earlier attempt asked the person: {one.question}\nThe person says: {one.words}"
    return request
