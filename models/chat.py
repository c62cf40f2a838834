"""The chat port: requests and replies of a model that converses, with tools, JSON schemas, streaming and usage.

Every chat backend (`models.remote.providers` over HTTP, `models.local.ctranslate_chat` in the model host,
`models.scripted.scripted_chat` from a script) implements `ChatModel`. Calls block and belong in a worker thread.
Nothing here knows a workspace, an index or LSP, and no tool is run here: a tool call is only a request to the caller.
Start at `ChatModel` and `ChatRequest`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Speaker(StrEnum):
    """Role of a message's author."""

    SYSTEM = "system"  # how to behave; first, at most once
    USER = "user"
    ASSISTANT = "assistant"  # the model itself, earlier
    TOOL = "tool"  # what a tool answered to a call of the model


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's request to run a tool.

    Attributes:
        id: the model's name for this call; the TOOL message with the result refers to it.
        name: the tool's name.
        arguments: not validated here; may violate the tool's schema.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        speaker: its author.
        text: its text.
        calls: for an ASSISTANT message, the tools it asked for.
        call_id: for a TOOL message, the `ToolCall.id` that it answers.
    """

    speaker: Speaker
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may ask for.

    Attributes:
        name: letters, digits, "_" and "-", at most 64.
        description: what it does and when to use it, for the model.
        parameters: JSON schema of its arguments; its type is "object".
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """JSON schema that an answer must match; `models.structured_answers` builds it from a pydantic model.

    Attributes:
        name: letters, digits, "_" and "-", at most 64.
        schema: JSON schema; its type is "object".
    """

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request to a chat model. Of two equal requests to the same model, the second may be answered from the cache.

    Attributes:
        messages: the conversation, oldest first; the last is a USER's or a TOOL's.
        tools: the tools that the model may ask for.
        schema: schema of the answer, a JSON object; None for free text.
        max_tokens: most tokens of the answer.
        temperature: 0 for the likeliest answer; None for the endpoint's default.
        words: whether a person reads the answer as prose. Masked secrets then stay masked (`models.masking`); in other
            answers, which may become code, they are put back.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    schema: AnswerSchema | None = None
    max_tokens: int = 1024
    temperature: float | None = 0.0
    words: bool = False


class ReplyEnd(StrEnum):
    """Reason for which a reply ended."""

    END = "end"  # the model was done
    LENGTH = "length"  # the token budget was spent: the text is cut off
    TOOLS = "tools"  # it waits for the answers to its calls
    FILTERED = "filtered"  # the endpoint's content filter withheld it
    CANCELLED = "cancelled"  # the caller cancelled it; the text is what had arrived


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and requests of one call, or the sum of several.

    Attributes:
        prompt_tokens: tokens read, including those that the endpoint had cached.
        answer_tokens: tokens written.
        cached_tokens: those of `prompt_tokens` that the endpoint had cached.
        requests: how many requests the endpoint got; 0 if Starling's own cache answered.
        estimated: whether the token figures are estimated from characters, because the endpoint reported none.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cached_tokens: int = 0
    requests: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.cached_tokens + other.cached_tokens,
            self.requests + other.requests,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat model's reply.

    Attributes:
        text: the answer; with a schema, unvalidated JSON.
        end: why it ended.
        calls: tools that it asks for.
        usage: its tokens and requests.
        model: the endpoint's name for the model that answered.
        cached: whether Starling's own cache answered.
    """

    text: str
    end: ReplyEnd = ReplyEnd.END
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    cached: bool = False


class Fault(StrEnum):
    """Kind of a chat model's failure; the value of `ChatError.fault`."""

    UNREACHABLE = "unreachable"  # nothing listens there, or the connection broke
    TIMEOUT = "timeout"  # the first token, or the whole answer, took too long
    UNAUTHORIZED = "unauthorized"  # no key, or a wrong one
    NOT_FOUND = "not-found"  # the endpoint has no such path or model
    RATE_LIMITED = "rate-limited"  # too many requests, by the endpoint's limit or by Starling's
    OVERLOADED = "overloaded"  # the endpoint answered with a server error, also when retried
    UNPAID = "unpaid"  # the account has no money or quota left
    REFUSED = "refused"  # the endpoint rejects this request
    TOO_LONG = "too-long"  # the conversation does not fit the model's window
    MALFORMED = "malformed"  # the response does not have this API's format
    WRONG_FORM = "wrong-form"  # the answer violates its schema, also after a correction
    RESTING = "resting"  # the circuit breaker is open after several failures
    CLOSED = "closed"  # the model was switched off here


class ChatError(ModelError):
    """A chat model did not answer. The message is one sentence with the next step and never contains a key.

    Attributes:
        fault: the kind of failure.
        retry_s: seconds after which a retry is worthwhile; None if unknown.
        partial: the part of the answer that had arrived.
        usage: what the failed call has cost.
        said: the endpoint's own error message; "" if it sent none.
        begun: whether a part of an answer had arrived, where several addresses can be asked.
    """

    said = ""
    begun = False

    def __init__(
        self, message: str, fault: Fault, *, retry_s: float | None = None, partial: str = "", usage: Usage | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_s = retry_s
        self.partial = partial
        self.usage = usage or Usage()


class ChatModel(Protocol):
    """A model that converses. Thread-safe; several calls may run at once."""

    @property
    def name(self) -> str:
        """Name of the model, for people and records ("qwen2.5-coder:7b")."""
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together."""
        ...

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer `request`; blocks.

        Args:
            request: the conversation so far.
            cancelled: asked many times a second; once it returns true, the connection is closed and the partial answer
                is returned with the end CANCELLED.
            on_text: called with each piece of the answer as it arrives, from any thread, never concurrently. If a
                stream breaks and is retried, pieces that were announced before are not announced again.

        Raises:
            ChatError: there is no answer; the message says what to do.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in `text`, exact or an upper estimate."""
        ...

    def close(self) -> None:
        """Cancel running calls and release connections. Idempotent."""
        ...


def never() -> bool:
    """Return False; passed as `cancelled` by callers that never cancel."""
    return False
