"""The watcher of a team: what happens in its sessions is logged and counted, without texts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.action_log import actions
from agents.ports.task_queue import NewTask, QueuedTask, TaskStatus
from agents.team import events
from agents.team.events import TurnStatus
from agents.team.watching.watch import ModelAsked, TaskClaimed, TaskEnded, TurnBegan
from models.chat import Usage
from server.assembly.watching.team_watch import UNKNOWN, TeamWatch
from server.state.watching.metrics_store import Metrics
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.team.watching.watch import WatchedEvent

TASK = QueuedTask("t1", NewTask("file:///w", "Do it", role="coder"), TaskStatus.RUNNING, 0.0, 0.0, 3, "w", "")
TURN: tuple[WatchedEvent, ...] = (
    TurnBegan(),
    events.AgentChosen("coder", "you named it"),
    ModelAsked("coder", "m", Usage(100, 10, requests=1), 0.5, 1.5),
    ModelAsked("coder", "m", None, 0.0, 0.5, "timeout"),
    events.AgentChosen("tester", "coder delegated to it"),
    events.CallStarted("tester", "c1", "read_file", "Read a.py", {"path": "a.py"}),
    events.CallEnded("tester", "c1", "read_file", "class Private: ...", failed=False, seconds=0.25),
    events.CallEnded("tester", "c2", "def f(): ...", "There is no tool", failed=True, seconds=0.0),
    events.TextArrived("coder", "class Private: ..."),
    events.Noted("class Private: ..."),
    events.PlanChanged((("class Private: ...", "open"),)),
    events.TurnEnded(TurnStatus.DONE, "class Private: ...", 2, 110, 0.5, 2.0),
)


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """Yield figures in memory."""
    state = make_state(None)
    yield Metrics(state)
    state.close()


@pytest.fixture
def actions_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Yield the logged actions, texts included."""
    found: list[dict[str, Any]] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: found.append(vars(record)))
    actions.addHandler(handler)
    level = actions.level
    actions.setLevel(logging.INFO)
    yield found
    actions.setLevel(level)
    actions.removeHandler(handler)


def count(metrics: Metrics, *happened: tuple[str, WatchedEvent]) -> set[tuple[object, ...]]:
    """Have a watcher take events; return the figures of the day."""
    watch = TeamWatch(metrics, "file:///w", {"read_file"})
    for session, event in happened:
        watch(session, event)
    watch.close()
    return {
        (one.kind, one.agent, one.name, one.outcome, one.number, one.seconds, one.prompt_tokens, one.answer_tokens)
        for one in metrics.list_days(1)
    }


def test_a_turn_is_counted_with_its_calls_and_its_models(metrics: Metrics) -> None:
    assert count(metrics, *(("s1", one) for one in TURN)) == {
        ("turn", "coder", "", "done", 1, 2.0, 0, 0),
        ("model", "coder", "m", "done", 1, 1.5, 100, 10),
        ("model", "coder", "m", "timeout", 1, 0.5, 0, 0),
        ("call", "tester", "read_file", "done", 1, 0.25, 0, 0),
        ("call", "tester", UNKNOWN, "failed", 1, 0.0, 0, 0),
    }


def test_turns_at_once_and_workflows_are_told_apart(metrics: Metrics) -> None:
    assert count(
        metrics,
        ("s1", TurnBegan("tdd")),
        ("s2", TurnBegan()),
        ("s1", events.AgentChosen("tester", "step tests")),
        ("s2", events.AgentChosen("ask", "you named it")),
        ("s1", events.StepEnded("tdd", "tests", "tester", "red")),
        ("s2", events.TurnEnded(TurnStatus.FAILED, "no model")),
        ("s1", events.TurnEnded(TurnStatus.LIMIT, "too much")),
    ) == {
        ("turn", "tdd", "", "limit", 1, 0.0, 0, 0),
        ("turn", "ask", "", "failed", 1, 0.0, 0, 0),
        ("step", "tdd", "tests", "done", 1, 0.0, 0, 0),
    }


def test_a_task_is_counted_by_its_ending(metrics: Metrics) -> None:
    ended = [("t1", TaskEnded(TASK, ending, "", 3.0)) for ending in ("again", "again", "failed")]
    assert count(metrics, ("t1", TaskClaimed(TASK)), *ended) == {
        ("task", "coder", "", "again", 2, 6.0, 0, 0),
        ("task", "coder", "", "failed", 1, 3.0, 0, 0),
    }


def test_every_action_is_logged_and_texts_only_in_fields_that_say_so(
    metrics: Metrics, actions_log: list[dict[str, Any]]
) -> None:
    count(metrics, *(("s1", one) for one in TURN), ("t1", TaskClaimed(TASK)), ("t1", TaskEnded(TASK, "failed", "", 1)))
    assert [one["msg"] for one in actions_log] == [
        "turn began", "agent chosen", "model asked", "model asked", "agent chosen", "call began", "call ended",
        "call ended", "note", "turn ended", "task began", "task ended",
    ]  # fmt: skip
    assert {one["session"] for one in actions_log[:10]} == {"s1"}
    assert actions_log[-1]["levelname"] == "WARNING"
    for one in actions_log:
        public = {name: value for name, value in one.items() if not name.endswith("_text")}
        assert "Private" not in str(public)
        assert "def f" not in str(public)


def test_an_error_of_the_watcher_ends_nothing_and_is_logged(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Metrics, "count", lambda *_, **__: 1 / 0)
    count(metrics, ("s1", TURN[-1]))
    assert "was not counted" in caplog.text
