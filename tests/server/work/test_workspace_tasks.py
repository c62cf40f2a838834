"""Decisions of a person about queued tasks, with the real queue and a real repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.task_queue import NewTask, TaskStatus
from server.assembly.gates import open_state
from server.state import paths
from server.state.lease_owners import name_owner
from server.state.task_store import TaskStore
from server.work.workspace_tasks import TaskRefused, WorkspaceTasks
from server.work.worktrees import Worktrees
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def queue() -> Iterator[TaskStore]:
    """Yield the queue."""
    state = open_state()
    yield TaskStore(state)
    state.close()


def begin(queue: TaskStore, shop: Path, worker: str) -> str:
    """Have `worker` claim a task, and write a file in its worktree; return the task's id."""
    queue.add(NewTask(shop.as_uri(), "change it", key="one"))
    claimed = queue.claim(shop.as_uri(), worker)
    assert claimed is not None
    (Worktrees(shop, paths.worktrees_dir()).open(claimed.id).root / "half.py").write_text("half = 1\n")
    return claimed.id


def end_worker(worker: str) -> str:
    """Return the name of a worker whose process has ended: it has the number of this process and another start."""
    head, _, rest = worker.rpartition(" ")
    return f"{head} 1{rest[rest.index('-') :]}"


def list_refs(shop: Path) -> str:
    """Return the branches and refs of tasks."""
    return run_git(shop, "for-each-ref", "--format=%(refname)", "refs/heads/starling/", "refs/starling/")


def test_the_folder_of_a_cancelled_task_stays_while_its_worker_uses_it(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    tasks = WorkspaceTasks(queue, shop)
    assert tasks.cancel(tasks.find(task)) == ""
    assert (paths.worktrees_dir() / task / "half.py").is_file()
    assert task in list_refs(shop)


def test_the_folder_of_a_cancelled_task_goes_if_its_worker_has_ended(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, end_worker(name_owner("starling work")))
    tasks = WorkspaceTasks(queue, shop)
    assert tasks.cancel(tasks.find(task)) == ""
    assert not (paths.worktrees_dir() / task).exists()
    assert list_refs(shop) == ""


def test_a_task_that_was_claimed_after_it_was_looked_up_keeps_its_folder(shop: Path, queue: TaskStore) -> None:
    added = queue.add(NewTask(shop.as_uri(), "change it", key="one"))
    seen = WorkspaceTasks(queue, shop).find(added.id)
    assert begin(queue, shop, name_owner("starling work")) == added.id
    assert (seen.status, WorkspaceTasks(queue, shop).cancel(seen)) == (TaskStatus.QUEUED, "")
    assert (paths.worktrees_dir() / added.id).is_dir()


def test_a_waiting_task_goes_at_once(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    claimed = queue.get(task)
    assert claimed is not None
    assert queue.escalate(claimed, "a limit")
    tasks = WorkspaceTasks(queue, shop)
    assert tasks.cancel(tasks.find(task)) == ""
    assert not (paths.worktrees_dir() / task).exists()
    with pytest.raises(TaskRefused, match="has ended already: cancelled"):
        tasks.cancel(tasks.find(task))
