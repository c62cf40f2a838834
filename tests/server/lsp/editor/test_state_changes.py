"""The client is told when another process changes queued tasks, questions or memory."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.memory import Remembered, Source
from agents.ports.task_queue import NewTask
from server.assembly.gates import open_state
from server.lsp.editor import alert_messages, state_changes
from server.state.given_answers import GivenAnswers
from server.state.memory_store import MemoryStore
from server.state.paths import HOME_VARIABLE
from server.state.task_store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State
    from tests.server.editor import Editor

FOLLOWS = {"experimental": {"starling": {"changed": True}}}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """Yield the state database of a new home, as another process uses it."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setattr(state_changes, "LOOK_S", 0.01)
    with closing(open_state()) as opened:
        yield opened


async def begin(editor: Editor, root: Path, monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any]) -> None:
    """Begin a session in `root`, and wait until the server has looked at the state once."""
    looks: list[object] = []
    read = state_changes.ChangeMarks.read
    monkeypatch.setattr(state_changes.ChangeMarks, "read", lambda *given: (looks.append(given), read(*given))[1])
    await editor.begin(capabilities, workspaceFolders=[{"uri": root.as_uri(), "name": "w"}])
    if capabilities:
        await editor.until(lambda: len(looks) > 1)


def read_changes(editor: Editor) -> list[set[str]]:
    """Return what each notification so far says has changed."""
    told = [one["params"] for one in editor.sent if one.get("method") == state_changes.CHANGED]
    return [{name for name, changed in one.items() if changed} for one in told]


async def test_each_kind_of_change_by_another_process_is_told_by_its_name(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(editor, tmp_path, monkeypatch, FOLLOWS)
    queue, place = TaskStore(state), tmp_path.as_uri()
    added = queue.add(NewTask(place, "explain"))
    await editor.until(lambda: read_changes(editor) == [{"tasks"}])
    assert queue.pause(added.id)
    await editor.until(lambda: read_changes(editor) == [{"tasks"}] * 2)
    GivenAnswers(state).record_wait("0123")
    await editor.until(lambda: read_changes(editor)[2:] == [{"questions"}])
    MemoryStore(state).remember(Remembered(place, "", "port", "8080", Source.PERSON))
    await editor.until(lambda: read_changes(editor)[3:] == [{"memory"}])
    MemoryStore(state).remember(Remembered("", "", "port", "8080", Source.PERSON))
    await editor.until(lambda: read_changes(editor)[4:] == [{"memory"}])


async def test_questions_that_wait_already_are_told_at_the_start(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    GivenAnswers(state).record_wait("0123")
    await begin(editor, tmp_path, monkeypatch, FOLLOWS)
    await editor.until(lambda: read_changes(editor))
    assert read_changes(editor) == [{"questions"}]


async def test_changes_of_other_workspaces_are_not_told(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(editor, tmp_path, monkeypatch, FOLLOWS)
    TaskStore(state).add(NewTask((tmp_path / "other").as_uri(), "explain"))
    TaskStore(state).add(NewTask(tmp_path.as_uri(), "explain"))
    await editor.until(lambda: read_changes(editor))
    assert read_changes(editor) == [{"tasks"}]


async def test_a_client_that_does_not_follow_is_told_nothing_and_nothing_is_read(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    take = alert_messages.AlertMessages.take
    monkeypatch.setattr(alert_messages, "LOOK_S", 0.01)
    monkeypatch.setattr(alert_messages.AlertMessages, "take", lambda *given: (looks.append(given), take(*given))[1])
    await begin(editor, tmp_path, monkeypatch, {})
    await editor.until(lambda: len(looks) > 1)  # alerts are looked for, and make no database
    assert read_changes(editor) == []
    assert state.path is not None
    assert not state.path.exists()


async def test_after_a_failure_of_the_state_changes_are_told_again(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(editor, tmp_path, monkeypatch, FOLLOWS)
    assert state.path is not None
    TaskStore(state).add(NewTask(tmp_path.as_uri(), "explain"))
    await editor.until(lambda: len(read_changes(editor)) == 1)
    state.path.unlink()
    with closing(open_state()) as again:
        TaskStore(again).add(NewTask(tmp_path.as_uri(), "explain another"))
        await editor.until(lambda: len(read_changes(editor)) > 1)
    assert read_changes(editor)[-1] == {"tasks"}


async def test_the_end_of_the_session_ends_the_reading(
    editor: Editor, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(editor, tmp_path, monkeypatch, FOLLOWS)
    assert state.path is not None
    following = editor.server.session._following
    assert following is not None
    await editor.end()
    await editor.until(following.done)
    assert following.cancelled()
