"""The table of costs: what chat models cost, by day, endpoint, model and role.

Holds figures only, never a word that was sent or answered. Calls without a known price are counted apart; no price is
ever guessed. Start at `Costs`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError

if TYPE_CHECKING:
    from models.chat import Usage
    from models.remote.billing import Account
    from server.state.database import State

logger = logging.getLogger(__name__)

KEPT_DAYS = 400
DAY_S = 24 * 3600.0
DAY = "%Y-%m-%d"
_ADD = """
    INSERT INTO costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (day, endpoint, model, role) DO UPDATE SET
        answers = costs.answers + excluded.answers,
        failures = costs.failures + excluded.failures,
        requests = costs.requests + excluded.requests,
        prompt_tokens = costs.prompt_tokens + excluded.prompt_tokens,
        answer_tokens = costs.answer_tokens + excluded.answer_tokens,
        cached_tokens = costs.cached_tokens + excluded.cached_tokens,
        estimated = costs.estimated + excluded.estimated,
        cost = costs.cost + excluded.cost,
        unpriced = costs.unpriced + excluded.unpriced
"""


@dataclass(frozen=True, slots=True)
class CostRecord:
    """One day of one model in one role.

    Attributes:
        day: "2026-11-28", by the machine's own clock.
        endpoint: its address, or "this machine".
        model: its name there.
        role: the role it was asked in.
        answers: calls that were answered.
        failures: calls that were not.
        requests: HTTP requests that these calls took.
        prompt_tokens: tokens read, cached ones included.
        answer_tokens: tokens written.
        cached_tokens: tokens of the prompts that the endpoint had cached.
        estimated: calls whose tokens the endpoint did not report, so that an upper estimate was counted.
        cost: sum over the calls with a known price.
        unpriced: calls without a known price.
    """

    day: str
    endpoint: str
    model: str
    role: str
    answers: int
    failures: int
    requests: int
    prompt_tokens: int
    answer_tokens: int
    cached_tokens: int
    estimated: int
    cost: float
    unpriced: int


class Costs:
    """The table of costs; implements `models.remote.billing.Ledger`. Any thread."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._writer = ThreadPoolExecutor(1, "starling-costs")  # so that no answer waits for another process

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        """Add the figures of one call to its day, in another thread; an error is logged and not raised."""
        figures = (not failed, failed, usage.requests, usage.prompt_tokens, usage.answer_tokens, usage.cached_tokens)
        added = (*map(int, figures), int(usage.estimated), cost or 0.0, int(cost is None))
        row = (time.strftime(DAY), account.endpoint, account.model, account.role, *added)
        try:
            self._writer.submit(self._add, row)
        except RuntimeError:  # after `close`, when an endpoint answers late
            self._add(row)

    def _add(self, row: tuple[object, ...]) -> None:
        try:
            with self._state.transaction() as connection:
                connection.execute("DELETE FROM costs WHERE day < ?", (_format_day_before(KEPT_DAYS),))
                connection.execute(_ADD, row)
        except StateError as error:
            logger.warning("The cost of an answer could not be recorded: %s", error)

    def list_days(self, days: int) -> tuple[CostRecord, ...]:
        """Return the records of the last `days`, today included: newest first, the highest cost of a day first.

        Waits until everything booked before is written. Blocking.

        Raises:
            StateError: they cannot be read.
        """
        with suppress(RuntimeError):  # after `close`, when all of it is written
            self._writer.submit(bool).result()
        with self._state.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM costs WHERE day > ? ORDER BY day DESC, cost DESC, endpoint, model, role",
                (_format_day_before(days),),
            ).fetchall()
        return tuple(CostRecord(*row) for row in rows)

    def close(self) -> None:
        """Write what is booked and close the database; the next use opens it again."""
        self._writer.shutdown()
        self._state.close()


def _format_day_before(days: int) -> str:
    """Return the date of `days` days ago, as in the column `day`."""
    return time.strftime(DAY, time.localtime(time.time() - days * DAY_S))
