"""The chat model behind an endpoint: a dialect, an endpoint, and the log of what went out and came back.

Implements `models.chat.ChatModel`. Texts stand in the log only where a person switched that on, keys never. Start at
`RemoteChat`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Usage
from models.remote.http import GivenUpError
from models.remote.providers import anthropic, ollama, openai
from models.remote.providers.context_windows import Windows, estimated_tokens
from models.remote.providers.dialect import Announcer

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest
    from models.remote.endpoint import Endpoint
    from models.remote.http import HttpClient
    from models.remote.providers.dialect import DraftReader

logger = logging.getLogger(__name__)

DIALECTS = {"openai": openai.DIALECT, "anthropic": anthropic.DIALECT, "ollama": ollama.DIALECT}


class RemoteChat:
    """A model at an endpoint. Thread-safe."""

    def __init__(  # noqa: PLR0913 - who, where, and how it is spoken to
        self,
        name: str,
        endpoint: Endpoint,
        client: HttpClient,
        *,
        dialect: str = "openai",
        context_tokens: int = 16_384,
        cuts: bool = True,
    ) -> None:
        """Speak to the model called `name`.

        Args:
            name: the model's name there.
            endpoint: where it is.
            client: what asks the endpoint.
            dialect: how it is spoken to.
            context_tokens: tokens that conversation and answer may have together.
            cuts: whether the server, if it is a local one, may cut what is longer without a word.
        """
        self._name = name
        self._endpoint = endpoint
        self._client = client
        self._api = dialect
        self._dialect = DIALECTS[dialect]
        self._context_tokens = context_tokens
        self._windows = (
            Windows(
                name,
                endpoint,
                client,
                self._dialect.authorize,
                takes_window=self._dialect.with_window is not None,
                most=context_tokens,
            )
            if cuts
            else None
        )
        self._without: frozenset[str] = frozenset()  # what this endpoint turned out not to take
        self._closed = False

    @property
    def name(self) -> str:
        """The model's name there."""
        return self._name

    @property
    def identity(self) -> str:
        """Who answers, told apart from every other: part of the cache's key."""
        return f"{self._api} {self._endpoint.url} {self._name}"

    @property
    def context_tokens(self) -> int:
        """Tokens that conversation and answer may have together."""
        return self._windows.tokens if self._windows is not None else self._context_tokens

    def count_tokens(self, text: str) -> int:
        """An estimate from above."""
        return estimated_tokens(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """See `models.chat.ChatModel.chat`."""
        begun = time.monotonic()
        drafts: list[DraftReader] = []
        try:
            requests = self._exchange(request, drafts, cancelled, on_text)
        except GivenUpError:
            if self._closed:
                raise ChatError("The chat model was switched off; ask again.", Fault.CLOSED) from None
            reply = Reply(drafts[-1].text if drafts else "", ReplyEnd.CANCELLED, usage=Usage(requests=len(drafts)))
        except ChatError as error:
            partial = max((draft.text for draft in drafts), key=len, default="")
            _log_failure(self, error, time.monotonic() - begun)
            failure = ChatError(str(error), error.fault, retry_s=error.retry_s, partial=partial, usage=error.usage)
            failure.said = error.said
            raise failure from None
        else:
            reply = drafts[-1].reply(requests)
        reply = _billed(request, reply, self._name)
        _log(self, request, reply, time.monotonic() - begun)
        return reply

    def close(self) -> None:
        """End what runs and let go of the connections. Safe twice."""
        self._closed = True
        self._client.close()

    def _exchange(
        self,
        request: ChatRequest,
        drafts: list[DraftReader],
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None,
    ) -> int:
        """Ask, and ask again without what the endpoint names as the reason why it refuses."""
        heard: list[Announcer] = []

        def begin(tell: Callable[[str], None]) -> DraftReader:
            heard.append(heard[0] if heard else Announcer(tell))
            drafts.append(self._dialect.reader(heard[0]))
            return drafts[-1]

        requests = window = 0
        if self._windows is not None:
            request, window = self._windows.fit(request, cancelled)
        while True:
            outgoing = self._dialect.outgoing(request, self._name, self._without)
            if window and self._dialect.with_window is not None:
                outgoing = self._dialect.with_window(outgoing, window)
            heard.clear()
            try:
                requests += self._endpoint.exchange(
                    outgoing, self._dialect.authorize, begin, cancelled=cancelled, on_text=on_text
                )
            except ChatError as error:
                requests += error.usage.requests
                refused = self._refused(error)
                if refused is None:
                    raise
                logger.info("chat endpoint takes no %s", refused, extra={"model": self._name})
                self._without |= {refused}
            else:
                return requests

    def _refused(self, error: ChatError) -> str | None:
        """The optional part of the request that the endpoint names as what it does not take."""
        if error.fault is not Fault.REFUSED:
            return None
        named = (name for name in self._dialect.optional if name in str(error) and name not in self._without)
        return next(named, None)


def _billed(request: ChatRequest, reply: Reply, name: str) -> Reply:
    """The reply with a bill, estimated where the endpoint sent none."""
    usage = reply.usage
    if not usage.prompt_tokens and not usage.answer_tokens and usage.requests:
        asked = sum(estimated_tokens(message.text) for message in request.messages)
        usage = Usage(asked, estimated_tokens(reply.text), requests=usage.requests, estimated=True)
    return Reply(reply.text, reply.end, reply.calls, usage, reply.model or name)


def _log(chat: RemoteChat, request: ChatRequest, reply: Reply, seconds: float) -> None:
    texts = {}
    if logger.isEnabledFor(logging.DEBUG):  # withheld by the log itself unless a person wants them
        texts = {
            "prompt_text": "\n\n".join(f"{one.speaker}: {one.text}" for one in request.messages),
            "answer_text": reply.text,
        }
    logger.info(
        "chat answered",
        extra={
            "model": chat.name,
            "end": reply.end.value,
            "read": reply.usage.prompt_tokens,
            "written": reply.usage.answer_tokens,
            "requests": reply.usage.requests,
            "seconds": round(seconds, 3),
            **texts,
        },
    )


def _log_failure(chat: RemoteChat, error: ChatError, seconds: float) -> None:
    logger.info(
        "chat failed: %s",
        error,
        extra={"model": chat.name, "fault": error.fault.value, "seconds": round(seconds, 3)},
    )
