"""What chat models cost: tokens and requests of every call, at prices that a person named, handed to a ledger.

A price that nobody named is unknown and never guessed; a model on this machine costs nothing. Where the endpoint sends
no figures, tokens are estimated and said to be. Start at `BilledChat`.
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
    """Of a million tokens, in the currency of a person's bill.

    Attributes:
        read: tokens of the conversation.
        written: tokens of the answer.
        cached: tokens of the conversation that the endpoint had computed before; None for as much as `read`.
    """

    read: float
    written: float
    cached: float | None = None

    def cost(self, usage: Usage) -> float:
        """Of one bill."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        price = self.read if self.cached is None else self.cached
        read = (usage.prompt_tokens - cached) * self.read + cached * price
        return (read + usage.answer_tokens * self.written) / MILLION


NOTHING = Prices(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Account:
    """Who is paid.

    Attributes:
        endpoint: its address, "this machine" for our own host.
        model: its name there.
        role: what it was asked for ("chat", "review").
        prices: None where nobody named them.
    """

    endpoint: str
    model: str
    role: str
    prices: Prices | None


class Ledger(Protocol):
    """Where bills are kept. Any thread; never raises."""

    def book(self, account: Account, usage: Usage, cost: float | None, *, failed: bool) -> None:
        """Keep one bill.

        Args:
            account: who is paid.
            usage: tokens and requests.
            cost: None where the price is unknown.
            failed: whether no answer came of it.
        """
        ...


class BilledChat(LayeredChat):
    """A chat model whose calls are booked, those that failed or were given up too."""

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
        """Ask, and book what it took."""
        try:
            reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._book(self._failure(request, error), failed=True)
            raise
        self._book(reply.usage, failed=False)
        return reply

    def _failure(self, request: ChatRequest, error: ChatError) -> Usage:
        """What a failed call took: an answer that had begun was read for, and is paid for as far as it came."""
        if not error.partial or error.usage.prompt_tokens:
            return error.usage
        asked = sum(self.count_tokens(message.text) for message in request.messages)
        return error.usage + Usage(asked, self.count_tokens(error.partial), estimated=True)

    def _book(self, usage: Usage, *, failed: bool) -> None:
        if not usage.requests:  # nothing was sent
            return
        prices = self._account.prices
        self._ledger.book(self._account, usage, None if prices is None else prices.cost(usage), failed=failed)
