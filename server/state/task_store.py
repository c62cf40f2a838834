"""The tables of the task queue: the tasks, the tasks that each of them needs, and the worker that has claimed it.

Implements `agents.ports.task_queue.TaskQueue`. A claim is a worker's name and the number of the attempt; every change
by a worker requires that the claim still holds, in the same statement, so that two processes cannot both succeed. A
task is claimed by locking its row; rows that others lock are skipped.
`renewed` is the time of the last sign of life of a worker that holds a task, 0 once it has given the task back.
The numbers of open and of ended tasks are bounded; ended tasks are deleted after 90 days. Blocking; writes to the
state database only. Start at `TaskStore`.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from agents.ports.action_log import actions
from agents.ports.task_queue import (
    ATTEMPTS,
    LONGEST_TEXT,
    MOST_NEEDS,
    SOON_S,
    STUCK_S,
    NewTask,
    Priority,
    QueuedTask,
    QueueFull,
    TaskStatus,
)
from indexing.workspace.secrets.literals import replace_secrets
from server.state import lease_owners
from server.state.database import Area
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from server.state.database import State
    from server.state.statements import Connection

MOST_OPEN = 10_000  # tasks of one workspace that have not ended
MOST_ENDED = 10_000  # of a user, in all workspaces
KEPT_S = 90 * 24 * 3600.0  # ended tasks
_ENDED = (TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.CANCELLED)
_SELECT = (
    "SELECT id, workspace, title, details, role, priority, deadline, parent, name, workflow, writes,"
    " status, created, changed, attempts, worker, result FROM queued_tasks"
)
_CLAIMED = "id = ? AND worker = ? AND attempts = ? AND status = 'running'"
_NEXT = """
    SELECT id FROM queued_tasks AS waiting
    WHERE workspace = ? AND status = 'queued' AND renewed = 0 AND {roles} AND NOT EXISTS (
        SELECT 1 FROM queued_task_needs JOIN queued_tasks AS needed ON needed.id = need
        WHERE task = waiting.id AND needed.status <> 'done'
    )
    ORDER BY CASE WHEN deadline < ? THEN {high} ELSE priority END, CASE WHEN deadline IS NULL THEN 1 ELSE 0 END,
        deadline, created, id
    LIMIT 1
"""
_ANY_BLOCKED = (
    "SELECT 1 FROM queued_tasks AS waiting JOIN queued_task_needs ON task = waiting.id"
    " JOIN queued_tasks AS needed ON needed.id = need"
    " WHERE waiting.status = 'queued' AND needed.status IN (?, ?) LIMIT 1"
)
_STUCK = "The worker gave no sign of life for an hour."
_ENDED_WORKER = "The worker's process ended."
_BLOCKED = "A task that this one needs failed or was cancelled; queue that one again first, or cancel this one."


class TaskStore:
    """The tables of the queue.

    Args:
        state: the state database.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def add(self, task: NewTask) -> QueuedTask:
        """Queue `task` and return it; if its workspace has a task with its key, return that one and queue nothing.

        Secrets in its texts are replaced.

        Raises:
            QueueFull: too many tasks of the workspace are open.
            LookupError: a task in `needs` does not exist.
            ValueError: it has no title, a text is longer than `LONGEST_TEXT`, or `needs` has too many tasks.
        """
        with self._state.transaction(Area.TASKS) as connection:
            return _require(connection, _insert(connection, task, self._clock()))

    def get(self, task: str) -> QueuedTask | None:
        """Return the task with the id `task`, None if there is none."""
        with self._state.use_connection() as connection:
            return _find(connection, task)

    def list_newest(self, workspace: str, limit: int, *, status: TaskStatus | None = None) -> tuple[QueuedTask, ...]:
        """Return up to `limit` tasks of `workspace`, newest first; only those with `status` unless it is None."""
        query = f"{_SELECT} WHERE workspace = ? AND ? IN ('', status) ORDER BY created DESC, id LIMIT ?"
        with self._state.use_connection() as connection:
            rows = connection.execute(query, (make_storable(workspace), status or "", limit)).fetchall()
            return tuple(_unpack(connection, row) for row in rows)

    def count_open(self) -> dict[str, int]:
        """Return the numbers of tasks of all workspaces that have not ended, by status. Raises StateError."""
        with self._state.use_connection() as connection:
            rows = connection.execute("SELECT status, count(*) FROM queued_tasks GROUP BY status").fetchall()
        return {str(status): int(number) for status, number in rows if status not in _ENDED}

    def claim(self, workspace: str, worker: str, roles: Collection[str] = ()) -> QueuedTask | None:
        """Claim the most urgent queued task of `workspace` for `worker` and return it, None if there is none.

        Considers tasks for `roles` and tasks without a role; all tasks if `roles` is empty. First fails the claims of
        workers that have given no sign of life, or whose process has ended, and stops tasks that need a failed one.
        Skips tasks that another worker still holds; see `is_held`.
        """
        now, place = self._clock(), make_storable(workspace)
        condition = f"role IN ({', '.join('?' * (len(roles) + 1))})" if roles else "1 = 1"
        query = _NEXT.format(roles=condition, high=int(Priority.HIGH)) + self._state.skip_locked
        wanted = ("", *map(make_storable, roles)) if roles else ()
        self._tidy_up(place, now)
        with self._state.transaction(Area.ROWS) as connection:
            row = connection.execute(query, (place, *wanted, now + SOON_S)).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE queued_tasks SET status = ?, worker = ?, attempts = attempts + 1, renewed = ?, changed = ?"
                " WHERE id = ? AND status = 'queued'",
                (TaskStatus.RUNNING, make_storable(worker), now, now, row[0]),
            )
            return _require(connection, row[0])

    def _tidy_up(self, workspace: str, now: float) -> None:
        """Fail lost claims in `workspace`, end the holds of workers that are gone, and stop what cannot be done.

        Writes only if there is something of that, so that workers that claim tasks do not wait for each other.
        """
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT worker, renewed, status FROM queued_tasks WHERE workspace = ?"
                " AND (status = 'running' OR (status = 'queued' AND renewed <> 0))",
                (workspace,),
            ).fetchall()
            blocked = connection.execute(_ANY_BLOCKED, (TaskStatus.FAILED, TaskStatus.CANCELLED)).fetchone()
        lost = any(
            renewed < now - STUCK_S or lease_owners.has_ended(worker) or (status == "queued" and not worker)
            for worker, renewed, status in rows
        )
        if not lost and blocked is None:
            return
        with self._state.transaction(Area.TASKS) as connection:
            self._fail_lost_claims(connection, workspace, now)
            _release_held(connection, workspace, now)
            _stop_blocked(connection, now)

    def renew(self, claimed: QueuedTask) -> bool:
        """Record a sign of life of the worker; return False if the claim is lost, so that the worker has to stop."""
        with self._state.transaction(Area.ROWS) as connection:
            query = f"UPDATE queued_tasks SET renewed = ? WHERE {_CLAIMED}"  # noqa: S608 (our own words)
            return connection.execute(query, (self._clock(), *_list_claim_values(claimed))).rowcount == 1

    def finish(self, claimed: QueuedTask, result: str, follow_ups: Sequence[NewTask] = ()) -> bool:
        """Record the result and queue `follow_ups`, in one transaction; return False if the claim is lost.

        Raises:
            QueueFull, LookupError, ValueError: as `add` does; then nothing is recorded.
        """
        with self._state.transaction(Area.TASKS) as connection:
            if not _end_claim(connection, claimed, TaskStatus.DONE, result, self._clock()):
                return False
            for task in follow_ups:
                _insert(connection, task, self._clock())
            return True

    def fail(self, claimed: QueuedTask, why: str) -> bool:
        """Queue a claimed task again with the reason `why`; after `ATTEMPTS` claims, record it as failed instead.

        Tasks that need a failed task then wait for a person. Returns False if the claim is lost.

        Raises:
            ValueError: `why` is longer than `LONGEST_TEXT`.
        """
        with self._state.transaction(Area.TASKS) as connection:
            return _fail(connection, claimed, why, self._clock())

    def escalate(self, claimed: QueuedTask, why: str) -> bool:
        """Let a claimed task wait for a person until `requeue` or `cancel`; return False if the claim is lost.

        Raises:
            ValueError: `why` is longer than `LONGEST_TEXT`.
        """
        with self._state.transaction(Area.TASKS) as connection:
            return _end_claim(connection, claimed, TaskStatus.WAITING, why, self._clock())

    def release(self, claimed: QueuedTask, why: str = "") -> bool:
        """Queue a claimed task again with the reason `why`, and do not count its attempt.

        Returns False if the claim is lost.
        """
        with self._state.transaction(Area.TASKS) as connection:
            if not _end_claim(connection, claimed, TaskStatus.QUEUED, why, self._clock()):
                return False
            query = "UPDATE queued_tasks SET attempts = attempts - 1, worker = '' WHERE id = ?"
            connection.execute(query, (claimed.id,))
            return True

    def is_held(self, task: str) -> bool:
        """Return whether a worker may still be at work on a task.

        That is, it has not given the task back, it renewed its claim less than `STUCK_S` ago, and it has not certainly
        ended.
        """
        with self._state.use_connection() as connection:
            row = connection.execute("SELECT worker, renewed FROM queued_tasks WHERE id = ?", (task,)).fetchone()
        return row is not None and _holds(row[0], row[1], self._clock())

    def pause(self, task: str) -> bool:
        """Pause a queued or running task until `requeue`; return whether it was queued or running."""
        with self._state.transaction(Area.TASKS) as connection:
            return _change_status(
                connection, task, (TaskStatus.QUEUED, TaskStatus.RUNNING), TaskStatus.PAUSED, self._clock()
            )

    def cancel(self, task: str) -> bool:
        """Cancel a task that has not ended; return whether that was done. Tasks that need it wait for a person."""
        open_ones = tuple(status for status in TaskStatus if status not in _ENDED)
        with self._state.transaction(Area.TASKS) as connection:
            cancelled = _change_status(connection, task, open_ones, TaskStatus.CANCELLED, self._clock())
            _stop_blocked(connection, self._clock())
            return cancelled

    def requeue(self, task: str) -> bool:
        """Queue a paused, waiting, failed or cancelled task again, with no attempt counted and no result.

        Return whether the task was in one of these states. A worker that still holds it keeps others from claiming it.
        """
        stopped = (TaskStatus.PAUSED, TaskStatus.WAITING, TaskStatus.FAILED, TaskStatus.CANCELLED)
        with self._state.transaction(Area.TASKS) as connection:
            if not _change_status(connection, task, stopped, TaskStatus.QUEUED, self._clock()):
                return False
            connection.execute("UPDATE queued_tasks SET attempts = 0, result = '' WHERE id = ?", (task,))
            return True

    @staticmethod
    def _fail_lost_claims(connection: Connection, workspace: str, now: float) -> None:
        """Fail the claims in `workspace` that were not renewed for `STUCK_S` seconds, or whose process has ended."""
        query = f"{_SELECT} WHERE workspace = ? AND status = 'running' AND renewed < ?"
        for row in connection.execute(query, (workspace, now - STUCK_S)).fetchall():
            _fail(connection, _unpack(connection, row), _STUCK, now)
        query = f"{_SELECT} WHERE workspace = ? AND status = 'running'"
        for row in connection.execute(query, (workspace,)).fetchall():
            claimed = _unpack(connection, row)
            if lease_owners.has_ended(claimed.worker):
                _fail(connection, claimed, _ENDED_WORKER, now)


def _insert(connection: Connection, task: NewTask, now: float) -> str:
    """Insert `task` and return its id; if its workspace has a task with its key, only return that one's id.

    Raises:
        QueueFull, LookupError, ValueError: as `TaskStore.add`.
    """
    if not task.title.strip():
        raise ValueError("it says nothing")
    if max(map(len, (task.title, task.details, task.role, task.key, task.workflow))) > LONGEST_TEXT:
        raise ValueError(f"a text has more than {LONGEST_TEXT:,} characters")
    if len(task.needs) > MOST_NEEDS:
        raise ValueError(f"a task needs more than {MOST_NEEDS} others")
    place = make_storable(task.workspace)
    key = f"{place}\n{_hide_key(task.key)}" if task.key else None  # one workspace's keys are not another's
    row = connection.execute("SELECT id FROM queued_tasks WHERE name = ?", (key,)).fetchone()
    if row is not None:
        return str(row[0])
    _remove_old(connection, now)
    query = "SELECT count(*) FROM queued_tasks WHERE workspace = ? AND status NOT IN (?, ?, ?)"
    if connection.execute(query, (place, *_ENDED)).fetchone()[0] >= MOST_OPEN:
        raise QueueFull(f"{MOST_OPEN:,} tasks are open in this workspace, the most there may be; cancel some first.")
    for need in task.needs:
        if _find(connection, need) is None:
            raise LookupError(f"there is no task {need!r}")
    identity = uuid.uuid4().hex
    connection.execute(
        "INSERT INTO queued_tasks (id, workspace, title, details, role, priority, deadline, parent, name, status,"
        " created, changed, workflow, writes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identity, place, _clean(task.title), _clean(task.details), make_storable(task.role),
            int(task.priority), task.deadline, task.parent, key, TaskStatus.QUEUED, now, now,
            make_storable(task.workflow), int(task.writes),
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO queued_task_needs (task, need) VALUES (?, ?)", [(identity, need) for need in set(task.needs)]
    )
    fields = {"session": identity, "workspace": place, "role": task.role, "workflow": task.workflow}
    actions.info("task queued", extra={**fields, "priority": task.priority.name.lower(), "title_text": task.title})
    return identity


def _hide_key(key: str) -> str:
    """Return a task's key as it is stored: one with a secret as a hash, so that equal keys stay equal."""
    plain = make_storable(key)
    return plain if replace_secrets(plain, "") == plain else f"sha256:{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def _clean(text: str) -> str:
    """Return `text` as it is stored, with its secrets replaced."""
    return make_storable(replace_secrets(text, PLACEHOLDER))


def _remove_old(connection: Connection, now: float) -> None:
    """Delete tasks that ended more than `KEPT_S` ago or exceed `MOST_ENDED`, except those that another task needs."""
    oldest = now - KEPT_S
    query = "SELECT changed FROM queued_tasks WHERE status IN (?, ?, ?) ORDER BY changed DESC LIMIT 1 OFFSET ?"
    if (row := connection.execute(query, (*_ENDED, MOST_ENDED)).fetchone()) is not None:
        oldest = max(oldest, row[0])
    rows = connection.execute(
        "SELECT id FROM queued_tasks WHERE changed <= ? AND status IN (?, ?, ?)"
        " AND id NOT IN (SELECT need FROM queued_task_needs)",
        (oldest, *_ENDED),
    )
    for (identity,) in rows.fetchall():
        connection.execute("DELETE FROM queued_task_needs WHERE task = ?", (identity,))
        connection.execute("DELETE FROM queued_tasks WHERE id = ?", (identity,))


def _list_claim_values(claimed: QueuedTask) -> tuple[str, str, int]:
    """Return the values for the question marks of the condition `_CLAIMED`."""
    return claimed.id, make_storable(claimed.worker), claimed.attempts


def _end_claim(connection: Connection, claimed: QueuedTask, status: TaskStatus, result: str, now: float) -> bool:
    """Set the status and result of a claimed task; return False if the claim is lost. Ends the hold of its worker.

    Raises:
        ValueError: the result is longer than `LONGEST_TEXT`.
    """
    if len(result) > LONGEST_TEXT:
        raise ValueError(f"the result has more than {LONGEST_TEXT:,} characters")
    query = f"UPDATE queued_tasks SET status = ?, result = ?, changed = ?, renewed = 0 WHERE {_CLAIMED}"  # noqa: S608
    values = (status, _clean(result), now, *_list_claim_values(claimed))
    if connection.execute(query, values).rowcount == 1:
        return True
    query = "UPDATE queued_tasks SET renewed = 0 WHERE id = ? AND worker = ? AND status <> 'running'"
    connection.execute(query, (claimed.id, make_storable(claimed.worker)))
    return False


def _holds(worker: str, renewed: float, now: float) -> bool:
    """Return whether `worker`, whose last sign of life was at `renewed`, may still be at work on its task."""
    return bool(worker and renewed and renewed >= now - STUCK_S) and not lease_owners.has_ended(worker)


def _release_held(connection: Connection, workspace: str, now: float) -> None:
    """End the holds of workers on queued tasks of `workspace`, if these workers are certainly not at work any more."""
    query = "SELECT id, worker, renewed FROM queued_tasks WHERE workspace = ? AND status = 'queued' AND renewed <> 0"
    for task, worker, renewed in connection.execute(query, (workspace,)).fetchall():
        if not _holds(worker, renewed, now):
            connection.execute("UPDATE queued_tasks SET renewed = 0 WHERE id = ?", (task,))


def _fail(connection: Connection, claimed: QueuedTask, why: str, now: float) -> bool:
    """Queue a claimed task again, or record it as failed after its last attempt; return False if the claim is lost."""
    is_last = claimed.attempts >= ATTEMPTS
    if not _end_claim(connection, claimed, TaskStatus.FAILED if is_last else TaskStatus.QUEUED, why, now):
        return False
    _stop_blocked(connection, now)
    return True


def _change_status(
    connection: Connection, task: str, before: Collection[TaskStatus], after: TaskStatus, now: float
) -> bool:
    """Change the status of a task to `after` if it is one of `before`; return whether that was done."""
    marks = ", ".join("?" * len(before))
    query = f"UPDATE queued_tasks SET status = ?, changed = ? WHERE id = ? AND status IN ({marks})"  # noqa: S608
    changed = connection.execute(query, (after, now, task, *before)).rowcount == 1
    if changed:
        actions.info("task changed", extra={"session": task, "outcome": after.value})
    return changed


def _stop_blocked(connection: Connection, now: float) -> None:
    """Let queued tasks wait for a person if they need a task that has failed or was cancelled."""
    connection.execute(
        "UPDATE queued_tasks SET status = ?, result = ?, changed = ? WHERE status = 'queued' AND id IN"
        " (SELECT task FROM queued_task_needs JOIN queued_tasks AS needed ON needed.id = need"
        " WHERE needed.status IN (?, ?))",
        (TaskStatus.WAITING, _BLOCKED, now, TaskStatus.FAILED, TaskStatus.CANCELLED),
    )


def _find(connection: Connection, task: str) -> QueuedTask | None:
    """Return the task with the id `task`, None if there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (task,)).fetchone()
    return _unpack(connection, row) if row is not None else None


def _require(connection: Connection, task: str) -> QueuedTask:
    """Return the task with the id `task`, which must exist."""
    return _unpack(connection, connection.execute(f"{_SELECT} WHERE id = ?", (task,)).fetchone())


def _unpack(connection: Connection, row: Sequence[Any]) -> QueuedTask:
    """Return the task from a row that `_SELECT` returned, with the ids of the tasks that it needs."""
    identity, workspace, title, details, role, priority, deadline, parent, name, workflow, writes, status, *rest = row
    rows = connection.execute("SELECT need FROM queued_task_needs WHERE task = ? ORDER BY need", (identity,))
    needs = tuple(need for (need,) in rows.fetchall())
    task = NewTask(
        workspace, title, details, role, Priority(priority), deadline, needs, parent,
        (name or "").removeprefix(f"{workspace}\n"), workflow, bool(writes),
    )  # fmt: skip
    return QueuedTask(identity, task, TaskStatus(status), *rest)
