"""The team's figures: added up by day and hour, by several processes, within bounds."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from server.state.watching import metrics_store
from server.state.watching.metrics_store import REST, Metric, Metrics
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State

NOW = time.mktime((2026, 11, 28, 14, 30, 0, 0, 0, -1))
DAY_S = 24 * 3600.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Yield a database of its own."""
    opened = make_state(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


def test_figures_of_several_processes_add_up_by_day_and_by_hour(state: State) -> None:
    def count(_: int) -> None:
        own = Metrics(make_state(state.path), lambda: NOW)
        for seconds in (1.0, 2.0):
            own.count("model", agent="coder", name="m", outcome="done", seconds=seconds, prompt_tokens=100,
                      answer_tokens=10, cost=0.5)  # fmt: skip
        own.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    metrics = Metrics(state, lambda: NOW)
    (day,) = metrics.list_days(1)
    (hour,) = metrics.list_hours(1)
    assert day == Metric("2026-11-28", "model", "coder", "m", "done", 8, 12.0, 800, 80, 4.0)
    assert hour == Metric("2026-11-28T14", "model", "coder", "m", "done", 8, 12.0, 800, 80, 4.0)


def test_outcomes_are_apart_and_the_newest_day_comes_first(state: State) -> None:
    now = NOW
    metrics = Metrics(state, lambda: now)
    for days, outcome in ((2, "done"), (0, "done"), (0, "failed")):
        now = NOW - days * DAY_S
        metrics.count("task", agent="coder", outcome=outcome)
        metrics.flush()
    now = NOW
    assert [(one.period, one.outcome) for one in metrics.list_days(3)] == [
        ("2026-11-28", "done"), ("2026-11-28", "failed"), ("2026-11-26", "done"),
    ]  # fmt: skip
    assert {one.period for one in metrics.list_days(1)} == {"2026-11-28"}


def test_hours_go_after_a_week_and_days_after_a_year(state: State) -> None:
    now = NOW
    metrics = Metrics(state, lambda: now)
    for days in (metrics_store.KEPT_DAYS + 1, metrics_store.KEPT_HOURS_DAYS + 1, 0):
        now = NOW - days * DAY_S
        metrics.count("turn")
        metrics.flush()
    with state.use_connection() as connection:
        periods = [one for (one,) in connection.execute("SELECT period FROM team_metrics ORDER BY period").fetchall()]
    assert [len(one) for one in periods] == [10, 10, 13]
    assert periods[-1] == "2026-11-28T14"


def test_a_day_has_a_bounded_number_of_rows_and_what_is_known_goes_on(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_store, "MOST_ROWS", 3)
    metrics = Metrics(state, lambda: NOW)
    for name in "abcdea":
        metrics.count("call", name=name, outcome="done")
        metrics.flush()
    assert {(one.name, one.number) for one in metrics.list_days(1)} == {("a", 2), ("b", 1), ("c", 1), (REST, 2)}


def test_names_are_cut_and_storable(state: State) -> None:
    metrics = Metrics(state, lambda: NOW)
    metrics.count("call", name="x" * 1000, agent="\ud83d\0")
    metrics.flush()
    (found,) = metrics.list_days(1)
    assert (len(found.name), found.agent) == (metrics_store.LONGEST_NAME, "\\ud83d\\x00")


@pytest.mark.sqlite
def test_figures_that_could_not_be_written_are_written_with_the_next_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    state = make_state(path)
    metrics = Metrics(state, lambda: NOW)
    metrics.count("turn")
    metrics.flush()
    assert "could not be recorded" in caplog.text
    path.unlink()
    metrics.count("turn")
    metrics.flush()
    (found,) = metrics.list_days(1)
    assert found.number == 2
    state.close()
