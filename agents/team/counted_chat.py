"""A chat model whose replies are counted, for work that knows no limits of a turn. Start at `CountedChat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.chat_layers import WrappedChat

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatModel, ChatRequest, Reply


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
        """Ask the model, and count its reply."""
        reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        self._count(reply)
        return reply

    def close(self) -> None:
        """Do nothing: the model belongs to the caller."""
