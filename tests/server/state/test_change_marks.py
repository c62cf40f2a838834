"""Marks by which changes of other processes are noticed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.memory import Remembered, Source
from agents.ports.task_queue import NewTask
from server.state.change_marks import ChangeMarks
from server.state.given_answers import GivenAnswers
from server.state.memory_store import MemoryStore
from server.state.task_store import TaskStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State

PLACE = "file:///work"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Yield a database as another process uses it."""
    with closing(make_state(tmp_path / "state.sqlite3")) as opened:
        yield opened


@pytest.fixture
def marks(state: State) -> Iterator[ChangeMarks]:
    """Yield the marks, with a connection of their own."""
    with closing(make_state(state.path)) as opened:
        yield ChangeMarks(opened)


def test_the_marks_stay_the_same_as_long_as_nothing_of_theirs_changes(state: State, marks: ChangeMarks) -> None:
    first = marks.read([PLACE])
    assert marks.read([PLACE]) is first, "nothing was written, so the tables are not read again"
    TaskStore(state).add(NewTask("file:///other", "explain"))
    assert marks.read([PLACE]) == first


def test_each_change_is_in_the_mark_of_its_kind(state: State, marks: ChangeMarks) -> None:
    before = marks.read([PLACE])
    task = TaskStore(state).add(NewTask(PLACE, "explain"))
    added = marks.read([PLACE])
    assert (added.tasks != before.tasks, added.memory, added.questions) == (True, before.memory, before.questions)
    claimed = TaskStore(state).claim(PLACE, "a worker")
    assert claimed is not None
    running = marks.read([PLACE])
    assert running.tasks != added.tasks
    assert TaskStore(state).renew(claimed)
    assert marks.read([PLACE]) == running, "a sign of life is no change"
    MemoryStore(state).remember(Remembered(PLACE, "", "port", "8080", Source.PERSON))
    remembered = marks.read([PLACE])
    assert (remembered.memory != running.memory, remembered.tasks) == (True, running.tasks)
    MemoryStore(state).forget(PLACE, "", "port")
    assert marks.read([PLACE]).memory == running.memory
    GivenAnswers(state).record_wait(task.id)
    assert marks.read([PLACE]).questions == {task.id}


def test_other_workspaces_have_other_marks(state: State, marks: ChangeMarks) -> None:
    TaskStore(state).add(NewTask(PLACE, "explain"))
    assert marks.read([PLACE]) != marks.read(["file:///other"])
    assert marks.read([]).tasks == marks.read(["file:///other"]).tasks


@pytest.mark.sqlite
def test_a_replaced_database_is_noticed(state: State, marks: ChangeMarks) -> None:
    TaskStore(state).add(NewTask(PLACE, "explain"))
    before = marks.read([PLACE])
    assert state.path is not None
    state.close()
    state.path.unlink()
    assert marks.read([PLACE]) != before
