"""The table of costs: calls, tokens and costs of chat models, by day, endpoint, model and role.

Holds figures only, no texts. Counts calls without a known price separately, and never guesses a price. Start at
`Costs`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.observation.figures import figures
from server.state.database import Area

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
    """The costs of one model in one role on one day.

    Attributes:
        day: the local date, "2026-11-28".
        endpoint: address of the endpoint, or "this machine".
        model: name of the model at the endpoint.
        role: role in which the model was called.
        answers: number of calls that were answered.
        failures: number of calls that failed.
        requests: number of HTTP requests of these calls.
        prompt_tokens: tokens read, cached ones included.
        answer_tokens: tokens written.
        cached_tokens: tokens of the prompts that the endpoint had cached.
        estimated: number of calls whose tokens the endpoint did not report, so that an upper estimate was counted.
        cost: costs of the calls with a known price.
        unpriced: number of calls without a known price.
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
    """The table of costs; implements `models.remote.billing.Ledger`. For any thread."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._writer = ThreadPoolExecutor(1, "starling-costs")  # an answer must not wait for the database

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        """Add the figures of one call to the row of today; log an error instead of raising it.

        Another thread writes them; after `close`, this thread does.

        Args:
            account: the endpoint, model and role.
            usage: the tokens of the call.
            cost: the cost of the call, None without a known price.
            failed: whether the call failed.
        """
        _count(account.model, usage, failed=failed)
        counts = (not failed, failed, usage.requests, usage.prompt_tokens, usage.answer_tokens, usage.cached_tokens)
        added = (*map(int, counts), int(usage.estimated), cost or 0.0, int(cost is None))
        row = (time.strftime(DAY), account.endpoint, account.model, account.role, *added)
        try:
            self._writer.submit(self._add, row)
        except RuntimeError:  # after `close`, when an endpoint answers late
            self._add(row)

    def _add(self, row: tuple[object, ...]) -> None:
        """Add `row` to the table and delete rows older than `KEPT_DAYS`; log an error instead of raising it."""
        try:
            with self._state.transaction(Area.FIGURES) as connection:
                connection.execute("DELETE FROM costs WHERE day < ?", (_format_day_before(KEPT_DAYS),))
                connection.execute(_ADD, row)
        except StateError as error:
            logger.warning("The cost of an answer could not be recorded: %s", error)

    def list_days(self, days: int) -> tuple[CostRecord, ...]:
        """Return the records of the last `days` days, including today: newest first, the highest cost of a day first.

        Waits until all earlier bookings are written. Blocking.

        Raises:
            StateError: the records cannot be read.
        """
        with suppress(RuntimeError):  # after `close`, when all bookings are written
            self._writer.submit(bool).result()
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT * FROM costs WHERE day > ? ORDER BY day DESC, cost DESC, endpoint, model, role",
                (_format_day_before(days),),
            ).fetchall()
        return tuple(CostRecord(*row) for row in rows)

    def close(self) -> None:
        """Write the remaining bookings and close the database; the next use opens it again."""
        self._writer.shutdown()
        self._state.close()


def _count(model: str, usage: Usage, *, failed: bool) -> None:
    """Count a call and its tokens in the metrics of this process."""
    figures.add("starling_chat_answers_total", model=model, outcome="failed" if failed else "ok")
    figures.add("starling_chat_tokens_total", usage.prompt_tokens, model=model, kind="prompt")
    figures.add("starling_chat_tokens_total", usage.answer_tokens, model=model, kind="answer")


def _format_day_before(days: int) -> str:
    """Return the date `days` days ago, in the format of the column `day`."""
    return time.strftime(DAY, time.localtime(time.time() - days * DAY_S))
