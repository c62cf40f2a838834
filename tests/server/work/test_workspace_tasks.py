"""Decisions of a person about queued tasks, with the real queue and a real repository."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile
from agents.ports.task_queue import NewTask, TaskStatus
from server.assembly.gates import open_state
from server.gate.ports import Outcome, Verdict
from server.state import paths
from server.state.lease_owners import name_owner
from server.state.task_store import TaskStore
from server.work.performing import remove_leftovers
from server.work.workspace_tasks import TaskRefused, WorkspaceTasks
from server.work.worktrees import Worktrees
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.edits import ProposedEdit


STOPS = "Cancelled; its worker stops within half a minute, and then deletes its branch."


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
    assert tasks.cancel(tasks.find(task)) == STOPS
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
    assert (seen.status, WorkspaceTasks(queue, shop).cancel(seen)) == (TaskStatus.QUEUED, STOPS)
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


def test_the_folder_of_a_paused_task_stays_while_its_worker_has_not_stopped(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    claimed = queue.get(task)
    assert claimed is not None
    tasks = WorkspaceTasks(queue, shop)
    tasks.pause(claimed)
    with pytest.raises(TaskRefused, match="has not stopped yet"):
        tasks.drop(tasks.find(task))
    assert tasks.cancel(tasks.find(task)) == STOPS
    assert (paths.worktrees_dir() / task / "half.py").is_file()
    assert not queue.release(claimed)  # it has stopped
    remove_leftovers(queue, Worktrees(shop, paths.worktrees_dir()), shop.as_uri())
    assert (list_refs(shop), (paths.worktrees_dir() / task).exists()) == ("", False)


def test_the_branch_of_a_task_that_was_retried_and_then_cancelled_goes_at_once(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    claimed = queue.get(task)
    assert claimed is not None
    assert queue.escalate(claimed, "a limit")
    tasks = WorkspaceTasks(queue, shop)
    tasks.retry(tasks.find(task))
    assert tasks.cancel(tasks.find(task)) == ""
    assert (list_refs(shop), (paths.worktrees_dir() / task).exists()) == ("", False)


def test_a_branch_without_a_folder_that_a_cancelled_task_has_left_goes_with_the_leftovers(
    shop: Path, queue: TaskStore
) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    claimed, trees = queue.get(task), Worktrees(shop, paths.worktrees_dir())
    assert claimed is not None
    trees.remove(task, with_branch=False)
    assert queue.cancel(task)
    remove_leftovers(queue, trees, shop.as_uri())
    assert task in list_refs(shop)  # its worker has not stopped
    assert not queue.finish(claimed, "too late")
    remove_leftovers(queue, trees, shop.as_uri())
    assert list_refs(shop) == ""


def test_a_task_that_nobody_began_is_cancelled_without_a_repository(tmp_path: Path, queue: TaskStore) -> None:
    queue.add(NewTask(tmp_path.as_uri(), "change it", key="one"))
    tasks = WorkspaceTasks(queue, tmp_path)
    assert tasks.cancel(tasks.find(queue.list_newest(tmp_path.as_uri(), 1)[0].id)) == ""


def fail(queue: TaskStore, task: str) -> None:
    """Have a task fail in its last attempt, with nothing committed, as after three kills."""
    claimed = queue.get(task)
    assert claimed is not None
    while queue.fail(claimed, "The worker's process ended."):
        claimed = queue.claim(claimed.task.workspace, claimed.worker) or claimed


def test_what_a_task_had_written_when_it_was_killed_for_the_last_time_is_on_its_branch(
    shop: Path, queue: TaskStore
) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    fail(queue, task)
    remove_leftovers(queue, Worktrees(shop, paths.worktrees_dir()), shop.as_uri())
    assert not (paths.worktrees_dir() / task).exists()
    branch = f"starling/{task[:12]}"
    assert run_git(shop, "show", f"{branch}:half.py") == "half = 1\n"
    assert run_git(shop, "log", "-1", "--format=%s", branch) == "Unfinished: change it\n"


@pytest.mark.parametrize("meanwhile", ["is retried", "commits more", "nothing"])
def test_a_merge_deletes_only_what_it_has_merged(shop: Path, queue: TaskStore, meanwhile: str) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    fail(queue, task)
    tasks, trees = WorkspaceTasks(queue, shop), Worktrees(shop, paths.worktrees_dir())

    async def approve(proposal: ProposedEdit) -> Outcome:
        assert [one.text for one in proposal.changes if isinstance(one, CreateFile)] == ["half = 1\n"]
        worktree = trees.open(task)
        (worktree.root / "more.py").write_text("more = 1\n")
        if meanwhile == "is retried":
            tasks.retry(tasks.find(task))
        elif meanwhile == "commits more":
            trees.commit(worktree, "More")
        return Outcome("1", Verdict.APPLIED)

    merged = asyncio.run(tasks.merge(tasks.find(task), approve))
    is_kept = meanwhile != "nothing"
    assert (merged.kept, task in list_refs(shop)) == (is_kept, is_kept)
    assert (paths.worktrees_dir() / task / "more.py").is_file() is is_kept


def test_files_that_no_branch_can_hold_are_not_deleted_by_a_merge(shop: Path, queue: TaskStore) -> None:
    task = begin(queue, shop, name_owner("starling work"))
    claimed = queue.get(task)
    assert claimed is not None
    library = paths.worktrees_dir() / task / "library"
    library.mkdir()
    run_git(library, "init", "-q")
    (library / "it.py").write_text("it = 1\n")
    assert queue.escalate(claimed, "files in a repository of their own")
    tasks = WorkspaceTasks(queue, shop)

    async def refuse(_: ProposedEdit) -> Outcome:
        raise AssertionError

    with pytest.raises(TaskRefused, match="library cannot be on the task's branch"):
        asyncio.run(tasks.merge(tasks.find(task), refuse))
    assert (library / "it.py").is_file()
