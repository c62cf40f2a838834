"""The chat model at an endpoint: joins a dialect and an endpoint, and logs each call.

Implements `models.chat.ChatModel`. Texts are logged only at level DEBUG, keys never. Start at `RemoteChat`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Usage
from models.remote.http import GivenUpError
from models.remote.providers.context_windows import ContextWindow, estimate_tokens
from models.remote.providers.dialect import Announcer
from models.remote.providers.registry import load_dialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatRequest
    from models.remote.endpoint import Endpoint
    from models.remote.endpoint_group import EndpointGroup
    from models.remote.exchange import HostStatus
    from models.remote.http import HttpClient
    from models.remote.providers.dialect import DraftReader
    from models.remote.providers.registry import DialectName

logger = logging.getLogger(__name__)


class RemoteChat:
    """A chat model at an endpoint. Thread-safe."""

    def __init__(  # noqa: PLR0913 - model, endpoint and dialect
        self,
        name: str,
        endpoint: Endpoint | EndpointGroup,
        client: HttpClient,
        *,
        dialect: DialectName = "openai",
        context_tokens: int = 16_384,
        cuts: bool = True,
    ) -> None:
        """Prepare to ask the model called `name`; opens no connection.

        Args:
            name: the model's name at the endpoint.
            endpoint: its address or addresses, key and timeouts.
            client: asks for the model's context window; closed with this object.
            dialect: name of the dialect in `registry`.
            context_tokens: most tokens of conversation and answer together.
            cuts: whether a server on this machine may cut a long conversation silently; then its window is looked up.
        """
        self._name = name
        self._endpoint = endpoint
        self._client = client
        self._api = dialect
        self._dialect = load_dialect(dialect)
        self._context_tokens = context_tokens
        self._windows = (
            ContextWindow(
                name,
                endpoint,
                client,
                self._dialect.make_auth_headers,
                takes_window=self._dialect.add_window is not None,
                most=context_tokens,
            )
            if cuts
            else None
        )
        self._without: frozenset[str] = frozenset()  # fields that this endpoint has refused
        self._closed = False

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._name

    @property
    def identity(self) -> str:
        """Dialect, address and model; part of the key of cached answers."""
        return f"{self._api} {self._endpoint.url} {self._name}"

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together, as far as known."""
        return self._windows.tokens if self._windows is not None else self._context_tokens

    def count_tokens(self, text: str) -> int:
        """Return an upper estimate of the number of tokens in `text`."""
        return estimate_tokens(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask the endpoint and log the call; see `models.chat.ChatModel.chat`."""
        started = time.monotonic()
        drafts: list[DraftReader] = []
        try:
            requests = self._exchange(request, drafts, cancelled, on_text)
        except GivenUpError:
            if self._closed:
                raise ChatError("The chat model was switched off; ask again.", Fault.CLOSED) from None
            reply = Reply(drafts[-1].text if drafts else "", ReplyEnd.CANCELLED, usage=Usage(requests=len(drafts)))
        except ChatError as error:
            partial = max((draft.text for draft in drafts), key=len, default="")
            _log_failure(self, error, time.monotonic() - started)
            failure = ChatError(str(error), error.fault, retry_s=error.retry_s, partial=partial, usage=error.usage)
            failure.said, failure.begun = error.said, error.begun
            raise failure from None
        else:
            reply = drafts[-1].make_reply(requests)
        reply = _add_usage(request, reply, self._name)
        _log_reply(self, request, reply, time.monotonic() - started)
        return reply

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address, if there are several; else ()."""
        return self._endpoint.list_statuses()

    def close(self) -> None:
        """Cancel running calls and close the connections. Idempotent."""
        self._closed = True
        self._client.close()

    def _exchange(
        self,
        request: ChatRequest,
        drafts: list[DraftReader],
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None,
    ) -> int:
        """Ask the endpoint, and again without an optional field that it refuses; return the number of requests.

        The budget of the answer is cut to the context window. The reader of each attempt is added to `drafts`.
        """
        announcers: list[Announcer] = []  # one for all attempts of a request

        def make_reader(pass_on: Callable[[str], None]) -> DraftReader:
            announcers.append(announcers[0] if announcers else Announcer(pass_on))
            drafts.append(self._dialect.make_reader(announcers[0]))
            return drafts[-1]

        requests = window = 0
        affinity = "\0".join(message.text for message in request.messages[:2])  # what a conversation begins with
        if self._windows is not None:
            request, window = self._windows.fit(request, cancelled)
        while True:
            outgoing = self._dialect.write_request(request, self._name, self._without)
            if window and self._dialect.add_window is not None:
                outgoing = self._dialect.add_window(outgoing, window)
            announcers.clear()
            try:
                requests += self._endpoint.exchange(
                    outgoing,
                    self._dialect.make_auth_headers,
                    make_reader,
                    cancelled=cancelled,
                    on_text=on_text,
                    affinity=affinity,
                )
            except ChatError as error:
                requests += error.usage.requests
                refused = self._find_refused(error)
                if refused is None:
                    raise
                logger.info("the chat endpoint refuses %s", refused, extra={"model": self._name})
                self._without |= {refused}
            else:
                return requests

    def _find_refused(self, error: ChatError) -> str | None:
        """Return the optional field, among those still sent, that `error` refuses by name; None if there is none."""
        if error.fault is not Fault.REFUSED:
            return None
        named = (name for name in self._dialect.optional if name in str(error) and name not in self._without)
        return next(named, None)


def _add_usage(request: ChatRequest, reply: Reply, name: str) -> Reply:
    """Return `reply` with `name` if it names no model, and with estimated token counts if it has none."""
    usage = reply.usage
    if not usage.prompt_tokens and not usage.answer_tokens and usage.requests:
        prompt_tokens = sum(estimate_tokens(message.text) for message in request.messages)
        usage = Usage(prompt_tokens, estimate_tokens(reply.text), requests=usage.requests, estimated=True)
    return Reply(reply.text, reply.end, reply.calls, usage, reply.model or name)


def _log_reply(chat: RemoteChat, request: ChatRequest, reply: Reply, seconds: float) -> None:
    """Log a call that was answered or cancelled; the texts only at level DEBUG."""
    texts = {}
    if logger.isEnabledFor(logging.DEBUG):
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
    """Log a call that failed."""
    logger.info(
        "chat failed: %s",
        error,
        extra={"model": chat.name, "fault": error.fault.value, "seconds": round(seconds, 3)},
    )
