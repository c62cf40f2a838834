"""Chat models that wrap another chat model and change one aspect of it. Start at `WrappedChat`.

Layers set temperature and token budget (`TunedChat`), count costs (`models.remote.billing`), cache replies
(`models.remote.replies`) and mask secrets (`models.masking`). A layer never opens a connection itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from models.chat import ChatModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest, Reply


class IdentifiedChat(ChatModel, Protocol):
    """A chat model that can name its exact configuration, which is part of the key of cached replies."""

    @property
    def identity(self) -> str:
        """Endpoint, model, and everything else that changes its answers."""
        ...


class WrappedChat:
    """A `models.chat.ChatModel` that passes all calls to an inner one; as thread-safe as that. For subclasses."""

    def __init__(self, inner: ChatModel) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.inner.name

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together."""
        return self.inner.context_tokens

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in `text`."""
        return self.inner.count_tokens(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Pass `request` to the inner model; see `models.chat.ChatModel.chat`."""
        return self.inner.chat(request, cancelled=cancelled, on_text=on_text)

    def close(self) -> None:
        """Close the inner model."""
        self.inner.close()


class LayeredChat(WrappedChat):
    """A wrapper that has the identity of its inner model. Base class of layers."""

    inner: IdentifiedChat

    def __init__(self, inner: IdentifiedChat) -> None:
        super().__init__(inner)

    @property
    def identity(self) -> str:
        """Identity of the inner model."""
        return self.inner.identity


@dataclass(frozen=True, slots=True)
class Tuning:
    """Temperature and token budget with which a model is asked, from settings or its catalog entry.

    Attributes:
        temperature: for requests with temperature 0 or None; None leaves the request's.
        answer_tokens: budget of every answer, instead of the request's; 0 leaves the request's.
        most_tokens: upper bound of the request's budget if `answer_tokens` is 0; 0 for no bound.
    """

    temperature: float | None = None
    answer_tokens: int = 0
    most_tokens: int = 0


class TunedChat(LayeredChat):
    """A chat model that is asked with a configured temperature and token budget."""

    def __init__(self, inner: IdentifiedChat, tuning: Tuning) -> None:
        super().__init__(inner)
        self._tuning = tuning

    @property
    def identity(self) -> str:
        """Identity of the inner model and the tuning: both change answers."""
        tuning = self._tuning
        return f"{self.inner.identity} {tuning.temperature} {tuning.answer_tokens} {tuning.most_tokens}"

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask the inner model, with the configured temperature and token budget put into the request.

        A request's own temperature takes precedence, unless it is 0 or None. A configured budget replaces that of the
        request, cut to half of the window, which leaves room for the question; without a configured budget, that of
        the request is cut to `most_tokens`.
        """
        tuning = self._tuning
        budget = min(tuning.answer_tokens, self.context_tokens // 2)
        budget = budget or min(request.max_tokens, tuning.most_tokens or request.max_tokens)
        temperature = request.temperature or (request.temperature if tuning.temperature is None else tuning.temperature)
        tuned = replace(request, max_tokens=budget, temperature=temperature)
        return self.inner.chat(tuned, cancelled=cancelled, on_text=on_text)


class CountedChat(WrappedChat):
    """A chat model that passes each of its replies to a function, too.

    Args:
        inner: the model.
        count: takes each reply.
    """

    def __init__(self, inner: ChatModel, count: Callable[[Reply], None]) -> None:
        super().__init__(inner)
        self._count = count

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask the model, and pass its reply to the function, too."""
        reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        self._count(reply)
        return reply

    def close(self) -> None:
        """Do nothing: the model belongs to the caller."""
