"""Costs of chat models: tokens and requests of every call, priced and passed to a ledger.

Prices come from a person's settings. A price that nobody set is unknown and never guessed; a model on this machine
costs nothing. Where the endpoint sends no figures, tokens are estimated and marked so. Start at `BilledChat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.chat import ChatError, Usage
from models.chat_layers import IdentifiedChat, LayeredChat

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest, Reply

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens, in the currency of a person's bill.

    Attributes:
        read: tokens of the conversation.
        written: tokens of the answer.
        cached: tokens of the conversation that the endpoint had cached; None for the same price as `read`.
    """

    read: float
    written: float
    cached: float | None = None

    def compute_cost(self, usage: Usage) -> float:
        """Return the cost of `usage`, in the currency of the prices."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        price = self.read if self.cached is None else self.cached
        read = (usage.prompt_tokens - cached) * self.read + cached * price
        return (read + usage.answer_tokens * self.written) / MILLION


FREE = Prices(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Account:
    """The endpoint and model that a call is billed to.

    Attributes:
        endpoint: the endpoint's address; "this machine" for our own host.
        model: the model's name there.
        role: the role for which the model was asked ("chat", "review").
        prices: the model's prices; None if no setting states them.
    """

    endpoint: str
    model: str
    role: str
    prices: Prices | None


class Ledger(Protocol):
    """A store of the costs of calls. Thread-safe; never raises."""

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        """Record the cost of one call.

        Args:
            account: the endpoint, model and role.
            usage: the tokens and requests of the call.
            cost: its cost in the currency of the prices; None if the prices are unknown.
            failed: whether the call failed.
        """
        ...


class BilledChat(LayeredChat):
    """A chat model whose calls are all recorded in a ledger, failed and cancelled ones too."""

    def __init__(self, inner: IdentifiedChat, account: Account, ledger: Ledger) -> None:
        super().__init__(inner)
        self._account = account
        self._ledger = ledger

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask the inner model and record the cost of the call.

        Raises:
            ChatError: from the inner model; the cost of the failed call is recorded.
        """
        try:
            reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._book(self._estimate_failed_usage(request, error), failed=True)
            raise
        self._book(reply.usage, failed=False)
        return reply

    def _estimate_failed_usage(self, request: ChatRequest, error: ChatError) -> Usage:
        """Return the usage of a failed call; estimate the tokens of an answer that broke off: they are charged too."""
        if not error.partial or error.usage.prompt_tokens:
            return error.usage
        prompt_tokens = sum(self.count_tokens(message.text) for message in request.messages)
        return error.usage + Usage(prompt_tokens, self.count_tokens(error.partial), estimated=True)

    def _book(self, usage: Usage, *, failed: bool) -> None:
        """Record the cost of `usage` in the ledger, unless no request was sent."""
        if not usage.requests:
            return
        prices = self._account.prices
        self._ledger.book(self._account, usage, None if prices is None else prices.compute_cost(usage), failed=failed)
