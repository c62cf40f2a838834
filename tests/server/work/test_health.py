"""The check of what work depends on."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.task_queue import NewTask
from models.errors import HostError
from models.host import health_check
from server.assembly.gates import open_state
from server.state import paths
from server.state.task_store import TaskStore
from server.work import health
from server.work.worktrees import Worktrees

if TYPE_CHECKING:
    from pathlib import Path

    from server.state.database import State


def check(shop: Path, state: State) -> tuple[str, list[str]]:
    """Return the outcome of a check in the repository `shop`, and what a person was told."""
    told: list[str] = []
    worktrees = Worktrees(shop, paths.worktrees_dir())
    outcome = asyncio.run(health.check_health(state, TaskStore(state), worktrees, shop.as_uri(), told.append))
    return outcome, told


def test_nothing_is_told_where_everything_is_well(shop: Path) -> None:
    with closing(open_state()) as state:
        assert check(shop, state) == (health.WELL, [])


def test_a_worktree_that_a_kill_left_is_deleted(shop: Path) -> None:
    with closing(open_state()) as state:
        queue, worktrees = TaskStore(state), Worktrees(shop, paths.worktrees_dir())
        task = queue.add(NewTask(shop.as_uri(), "write"))
        left = worktrees.open(task.id)
        check(shop, state)
        assert left.folder.exists()  # the task has not ended
        queue.cancel(task.id)
        check(shop, state)
        assert not left.folder.exists()


def test_little_space_is_told_with_its_size(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(shop)._replace(free=12_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with closing(open_state()) as state:
        outcome, told = check(shop, state)
    assert outcome == told[0]
    assert outcome.startswith("Only 12 MB are free on the disk of ")


@pytest.mark.sqlite
def test_a_damaged_database_is_told(shop: Path) -> None:
    with closing(open_state()) as state:
        queue = TaskStore(state)
        for number in range(300):
            queue.add(NewTask(shop.as_uri(), f"{number} {'x' * 500}"))
        assert state.path is not None
        data = bytearray(state.path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 20_000] = b"\xff" * 20_000
        state.path.write_bytes(data)
        outcome, _ = check(shop, state)
    assert "damaged" in outcome


@pytest.mark.parametrize("silent", [True, False])
def test_a_host_that_does_not_answer_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch, *, silent: bool) -> None:
    def fetch(_: object) -> dict[str, object]:
        if silent:
            return {}
        raise HostError("The host is too old.")

    monkeypatch.setattr(health_check, "fetch_health", fetch)
    with closing(open_state()) as state:
        outcome, told = check(shop, state)
    assert told == [outcome]
    assert outcome.startswith("The model host does not answer" if silent else "The host is too old.")
