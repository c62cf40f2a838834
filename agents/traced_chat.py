"""A chat model whose calls are spans of a trace, with the numbers of tokens. Start at `TracedChat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.ports.tracing import open_span
from models.chat import ChatError
from models.chat_layers import WrappedChat

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatModel, ChatRequest, Reply


class TracedChat(WrappedChat):
    """A chat model whose calls are spans.

    Args:
        inner: the model, which stays open.
        agent: who asks; "" for a task of a code action.
    """

    def __init__(self, inner: ChatModel, agent: str = "") -> None:
        super().__init__(inner)
        self._agent = agent

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """Ask the model within a span."""
        named = {"agent": self._agent} if self._agent else {}
        with open_span(
            "chat", model=self.name, messages=len(request.messages), tools=len(request.tools), **named
        ) as span:
            span.set_text("prompt", request.messages[-1].text if request.messages else "")
            try:
                reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
            except ChatError as error:
                span.set(fault=error.fault.value)
                raise
            usage = reply.usage
            span.set(
                end=reply.end.value,
                calls=len(reply.calls),
                prompt_tokens=usage.prompt_tokens,
                answer_tokens=usage.answer_tokens,
                requests=usage.requests,
                cached=reply.cached,
            )
            span.set_text("answer", reply.text)
        return reply

    def close(self) -> None:
        """Do nothing: the model belongs to the caller."""
