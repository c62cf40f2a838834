"""A chat model around another: whatever a layer does not change is the inner one's. Start at `LayeredChat`.

Layers are how a model is asked at a person's temperature (`Tuned`), is paid for (`models.remote.billing`) and remembers
(`models.remote.replies`). A layer never opens a connection itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from models.chat import ChatModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest, Reply


class IdentifiedChat(ChatModel, Protocol):
    """A chat model that can be told apart from every other."""

    @property
    def identity(self) -> str:
        """Endpoint, model, and whatever else changes its answers."""
        ...


class LayeredChat:
    """Implements `models.chat.ChatModel` by handing everything on. Thread-safe, as the inner one is."""

    def __init__(self, inner: IdentifiedChat) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """The model's name."""
        return self.inner.name

    @property
    def identity(self) -> str:
        """Endpoint, model, and whatever else changes its answers."""
        return self.inner.identity

    @property
    def context_tokens(self) -> int:
        """Tokens that conversation and answer may have together."""
        return self.inner.context_tokens

    def count_tokens(self, text: str) -> int:
        """Number of tokens in `text`."""
        return self.inner.count_tokens(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """See `models.chat.ChatModel.chat`."""
        return self.inner.chat(request, cancelled=cancelled, on_text=on_text)

    def close(self) -> None:
        """Close the inner one."""
        self.inner.close()


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a person, or a model's catalog entry, wants it asked.

    Attributes:
        temperature: for whatever is not asked with one of its own; None for the request's.
        answer_tokens: budget of every answer, in place of the request's; 0 for the request's.
        most_tokens: bound of the request's budget, where that counts; 0 for none.
    """

    temperature: float | None = None
    answer_tokens: int = 0
    most_tokens: int = 0


class TunedChat(LayeredChat):
    """Asked at a temperature and with a budget of its own."""

    def __init__(self, inner: IdentifiedChat, tuning: Tuning) -> None:
        super().__init__(inner)
        self._tuning = tuning

    @property
    def identity(self) -> str:
        """With the tuning, which changes answers."""
        tuning = self._tuning
        return f"{self.inner.identity} {tuning.temperature} {tuning.answer_tokens} {tuning.most_tokens}"

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask so; an answer never gets more than half of the window, so that the question still fits."""
        tuning = self._tuning
        budget = min(tuning.answer_tokens, self.context_tokens // 2)
        budget = budget or min(request.max_tokens, tuning.most_tokens or request.max_tokens)
        temperature = request.temperature or (request.temperature if tuning.temperature is None else tuning.temperature)
        tuned = replace(request, max_tokens=budget, temperature=temperature)
        return self.inner.chat(tuned, cancelled=cancelled, on_text=on_text)
