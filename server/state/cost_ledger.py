"""What chat models cost, by day, endpoint, model and role, in the state database.

Figures only, never a word of what was asked. A price that nobody named is unknown: those calls are counted apart and
never guessed at. Start at `Costs`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.state.database import StateError

if TYPE_CHECKING:
    from models.chat import Usage
    from models.remote.billing import Account
    from server.state.database import State

logger = logging.getLogger(__name__)

KEPT_DAYS = 400
DAY_S = 24 * 3600.0
DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class CostRecord:
    """One day of one model.

    Attributes:
        day: "2026-11-28", by the machine's own clock.
        endpoint: its address, or "this machine".
        model: its name there.
        role: what it was asked for.
        answers: calls that were answered.
        failures: calls that were not.
        requests: how many went out for all of these.
        prompt_tokens: read, cached ones included.
        answer_tokens: written.
        cached_tokens: of those read, what the endpoint had cached.
        estimated: calls whose tokens the endpoint did not tell, so that they are estimated from above.
        cost: of the calls whose price is known.
        unpriced: calls whose price is not.
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
        self._writer = ThreadPoolExecutor(1, "starling-costs")  # no answer waits for another process

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        """Add one bill to its day, a little later; what cannot be written is in the log, and no answer waits."""
        figures = (not failed, failed, usage.requests, usage.prompt_tokens, usage.answer_tokens, usage.cached_tokens)
        added = (*map(int, figures), int(usage.estimated), cost or 0.0, int(cost is None))
        row = (time.strftime(DAY), account.endpoint, account.model, account.role, *added)
        try:
            self._writer.submit(self._add, row)
        except RuntimeError:  # closed, and an endpoint answers all the same
            self._add(row)

    def _add(self, row: tuple[object, ...]) -> None:
        try:
            with self._state.transaction() as connection:
                connection.execute("DELETE FROM costs WHERE day < ?", (_days_ago(KEPT_DAYS),))
                connection.execute(
                    "INSERT INTO costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "answers = answers + excluded.answers, failures = failures + excluded.failures, "
                    "requests = requests + excluded.requests, "
                    "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
                    "answer_tokens = answer_tokens + excluded.answer_tokens, "
                    "cached_tokens = cached_tokens + excluded.cached_tokens, "
                    "estimated = estimated + excluded.estimated, cost = cost + excluded.cost, "
                    "unpriced = unpriced + excluded.unpriced",
                    row,
                )
        except StateError as error:
            logger.warning("The cost of an answer could not be recorded: %s", error)

    def listed(self, days: int) -> tuple[CostRecord, ...]:
        """Those of the last `days`, today included; the newest first, the dearest of a day first. Blocking.

        Raises:
            StateError: it cannot be read.
        """
        with suppress(RuntimeError):  # closed, and all of it written
            self._writer.submit(bool).result()  # what was booked before is written by then
        with self._state.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM costs WHERE day > ? ORDER BY day DESC, cost DESC, endpoint, model, role",
                (_days_ago(days),),
            ).fetchall()
        return tuple(CostRecord(*row) for row in rows)

    def close(self) -> None:
        """Write what is booked and close the database; the next use opens it again."""
        self._writer.shutdown()
        self._state.close()


def _days_ago(days: int) -> str:
    return time.strftime(DAY, time.localtime(time.time() - days * DAY_S))
