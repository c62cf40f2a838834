"""The table of the team's figures: turns, tasks, calls and models' answers, added up by local day and hour.

Holds figures and names, no texts. Days are kept for `KEPT_DAYS`, hours for `KEPT_HOURS_DAYS`, and each has at most
`MOST_ROWS` rows. Figures are collected in memory and written by a thread of their own, so that nothing waits for the
disk; a killed process loses those of its last moment. Start at `Metrics.count`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.state.database import Area
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from server.state.database import State
    from server.state.statements import Connection

logger = logging.getLogger(__name__)

KEPT_DAYS = 400
KEPT_HOURS_DAYS = 8
MOST_ROWS = 1000
"""Rows of one day or hour; further combinations of names are counted as `REST`."""
REST = "others"
BATCH_S = 0.5
"""Longest wait for further figures before some are written."""
LONGEST_NAME = 100
DAY_S = 24 * 3600.0
DAY, HOUR = "%Y-%m-%d", "%Y-%m-%dT%H"
_ADD = """
    INSERT INTO team_metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (period, kind, agent, name, outcome) DO UPDATE SET
        number = team_metrics.number + excluded.number,
        seconds = team_metrics.seconds + excluded.seconds,
        prompt_tokens = team_metrics.prompt_tokens + excluded.prompt_tokens,
        answer_tokens = team_metrics.answer_tokens + excluded.answer_tokens,
        cost = team_metrics.cost + excluded.cost
"""
_FIND = "SELECT 1 FROM team_metrics WHERE period = ? AND kind = ? AND agent = ? AND name = ? AND outcome = ?"


@dataclass(frozen=True, slots=True)
class Metric:
    """The figures of one kind of event, in one day or hour.

    Attributes:
        period: the local date, "2026-11-28", or hour, "2026-11-28T14".
        kind: "turn", "task", "call", "step", "model", or "approval" for a question of the gate to a person.
        agent: the role, or the name of the workflow for its turns and steps.
        name: the tool of a call or an approval, the model, the step of a workflow; "" for turns and tasks.
        outcome: how it ended: "done", "failed" and the like; for an approval "yes", "no" or "none".
        number: how many there were.
        seconds: their durations together.
        prompt_tokens: tokens read.
        answer_tokens: tokens written.
        cost: in the currency of the configured prices.
    """

    period: str
    kind: str
    agent: str
    name: str
    outcome: str
    number: int = 1
    seconds: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0


class Metrics:
    """The table of figures; for any thread.

    Args:
        state: the state database.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, ...], list[float]] = {}
        self._writer: threading.Thread | None = None
        self._hurry = threading.Event()
        _open.add(self)

    def count(  # noqa: PLR0913 (the figures of one event)
        self,
        kind: str,
        *,
        agent: str = "",
        name: str = "",
        outcome: str = "",
        seconds: float = 0.0,
        prompt_tokens: int = 0,
        answer_tokens: int = 0,
        cost: float = 0.0,
    ) -> None:
        """Add one event to the figures of this day and of this hour; see `Metric`. A thread writes them soon."""
        now = time.localtime(self._clock())
        names = tuple(make_storable(one)[:LONGEST_NAME] for one in (kind, agent, name, outcome))
        figures = (1, seconds, prompt_tokens, answer_tokens, cost)
        with self._lock:
            for period in (time.strftime(DAY, now), time.strftime(HOUR, now)):
                known = self._waiting.setdefault(self._bound((period, *names)), [0, 0.0, 0, 0, 0.0])
                known[:] = (one + more for one, more in zip(known, figures, strict=True))
            if self._writer is None or not self._writer.is_alive():
                self._hurry.clear()
                self._writer = threading.Thread(target=self._write, name="starling-metrics", daemon=True)
                self._writer.start()

    def _bound(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Return `key`; for a new key, that of the rest if `MOST_ROWS` keys wait already."""
        if key in self._waiting or len(self._waiting) < MOST_ROWS:
            return key
        return (*key[:2], REST, REST, key[4])

    def flush(self) -> None:
        """Wait until everything that was counted is written, or could not be."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            self._hurry.set()
            writer.join()

    def _write(self) -> None:
        """Write the waiting figures in batches until none are left; log an error, and keep them for the next run."""
        while True:
            self._hurry.wait(BATCH_S)
            with self._lock:
                waiting, self._waiting = self._waiting, {}
                if not waiting:
                    self._writer = None
                    return
            try:
                self._add(waiting)
            except StateError as error:
                logger.warning("the team's figures could not be recorded: %s", error)
                with self._lock:
                    for key, figures in waiting.items():
                        known = self._waiting.setdefault(self._bound(key), [0, 0.0, 0, 0, 0.0])
                        known[:] = (one + more for one, more in zip(known, figures, strict=True))
                    self._writer = None
                return

    def _add(self, waiting: dict[tuple[str, ...], list[float]]) -> None:
        """Add figures to the table, those beyond `MOST_ROWS` as `REST`, and delete old rows. Raises StateError."""
        with self._state.transaction(Area.FIGURES) as connection:
            _add_figures(connection, waiting, self._clock())

    def list_days(self, days: int) -> tuple[Metric, ...]:
        """Return the figures of the last `days` days, including today, newest day first. Blocking.

        Raises:
            StateError: the figures cannot be read.
        """
        return self._list(10, time.strftime(DAY, time.localtime(self._clock() - days * DAY_S)))

    def list_hours(self, hours: int) -> tuple[Metric, ...]:
        """Return the figures of the last `hours` hours, including this one, newest first. Blocking.

        They are stored for `KEPT_HOURS_DAYS` days.

        Raises:
            StateError: the figures cannot be read.
        """
        return self._list(13, time.strftime(HOUR, time.localtime(self._clock() - hours * 3600.0)))

    def _list(self, length: int, after: str) -> tuple[Metric, ...]:
        """Return the rows whose period has `length` characters and is later than `after`."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT period, kind, agent, name, outcome, number, seconds, prompt_tokens, answer_tokens, cost"
                " FROM team_metrics WHERE length(period) = ? AND period > ?"
                " ORDER BY period DESC, kind, agent, name, outcome",
                (length, after),
            ).fetchall()
        return tuple(Metric(*row) for row in rows)


def count_approval(connection: Connection, tool: str, outcome: str, seconds: float) -> None:
    """Add a question of the gate that has ended to the figures, in the caller's transaction.

    Args:
        connection: of the state database.
        tool: the tool that the question was about.
        outcome: "yes", "no", or "none" if nobody answered.
        seconds: time until the answer, 0 without one.
    """
    now = time.time()
    named = ("approval", "", make_storable(tool)[:LONGEST_NAME], outcome)
    periods = (time.strftime(one, time.localtime(now)) for one in (DAY, HOUR))
    _add_figures(connection, {(period, *named): [1, seconds, 0, 0, 0.0] for period in periods}, now)


def _add_figures(connection: Connection, figures: Mapping[tuple[str, ...], Sequence[float]], now: float) -> None:
    """Add figures by period, kind, agent, name and outcome to the table, and delete what is too old."""
    oldest_day = time.strftime(DAY, time.localtime(now - KEPT_DAYS * DAY_S))
    oldest_hour = time.strftime(HOUR, time.localtime(now - KEPT_HOURS_DAYS * DAY_S))
    connection.execute("DELETE FROM team_metrics WHERE period < ?", (oldest_day,))
    connection.execute("DELETE FROM team_metrics WHERE length(period) = 13 AND period < ?", (oldest_hour,))
    query = "SELECT count(*) FROM team_metrics WHERE period = ?"
    rows = {period: connection.execute(query, (period,)).fetchone()[0] for period, *_ in figures}
    for key, (number, seconds, prompt_tokens, answer_tokens, cost) in figures.items():
        full = rows[key[0]] >= MOST_ROWS
        known = full and connection.execute(_FIND, key).fetchone() is not None
        stored = key if known or not full else (*key[:2], REST, REST, key[4])
        connection.execute(_ADD, (*stored, int(number), seconds, int(prompt_tokens), int(answer_tokens), cost))
        rows[key[0]] += not full


_open: weakref.WeakSet[Metrics] = weakref.WeakSet()


@atexit.register
def flush_all() -> None:
    """Wait until the figures of this process are written, or could not be; also called when the process ends."""
    for metrics in tuple(_open):
        metrics.flush()
