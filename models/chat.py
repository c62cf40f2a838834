"""The chat port: what a model that converses takes and gives, with tools, answers by schema, streaming and a bill.

Every chat backend (`models.remote.providers` over HTTP, `models.local.ctranslate_chat` in the model host,
`models.scripted.scripted_chat` by script) implements `ChatModel`. Calls block and belong into a worker thread. Nothing
here knows a workspace, an index or LSP, and nothing in a reply is more than text: a tool call is a wish that its
caller may grant. Start at `ChatModel` and `ChatRequest`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Speaker(StrEnum):
    """Who says a message."""

    SYSTEM = "system"  # how to behave; first, at most once
    USER = "user"
    ASSISTANT = "assistant"  # the model itself, earlier
    TOOL = "tool"  # what a tool answered to a call of the model


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model would like to have run.

    Attributes:
        id: the model's name for this call; the answer refers to it.
        name: of the tool.
        arguments: by the tool's schema if the model kept to it; not validated here.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        speaker: who says it.
        text: what is said.
        calls: of an ASSISTANT message, the tools it asked for.
        call_id: of a TOOL message, the call it answers.
    """

    speaker: Speaker
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may ask for.

    Attributes:
        name: letters, digits, "_" and "-", at most 64.
        description: what it does and when to use it, for the model.
        parameters: JSON schema of its arguments, of type "object".
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The form an answer has to have; `models.structured_answers` makes one of a pydantic model and validates by it.

    Attributes:
        name: letters, digits, "_" and "-", at most 64.
        schema: JSON schema, of type "object".
    """

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked. Two equal requests to the same model may be answered from the cache.

    Attributes:
        messages: the conversation, oldest first; the last is a USER's or a TOOL's.
        tools: what the model may ask to have run.
        schema: the answer is one JSON object of this form; None for free text.
        max_tokens: budget of new tokens.
        temperature: 0 for the likeliest answer; None leaves it to the endpoint.
        words: whether the answer is for a person to read, so that it needs no secret of what was asked about; else it
            may become code, which has to hold them (`models.masking`).
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    schema: AnswerSchema | None = None
    max_tokens: int = 1024
    temperature: float | None = 0.0
    words: bool = False


class ReplyEnd(StrEnum):
    """Why a reply ended."""

    END = "end"  # the model was done
    LENGTH = "length"  # the token budget was spent: the text is cut off
    TOOLS = "tools"  # it waits for the answers to its calls
    FILTERED = "filtered"  # the endpoint withheld it
    CANCELLED = "cancelled"  # the caller no longer wants it; the text is what had come


@dataclass(frozen=True, slots=True)
class Usage:
    """The bill of one call, or of several.

    Attributes:
        prompt_tokens: read, those the endpoint had cached included.
        answer_tokens: written.
        cached_tokens: of `prompt_tokens`, those the endpoint had computed before.
        requests: how many times the endpoint was asked; 0 when our own cache answered.
        estimated: whether the endpoint gave no figures and these are counted from characters.
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
    """What the model said.

    Attributes:
        text: the answer; with a schema, the JSON as it came, not validated.
        end: why it ended.
        calls: tools it asks for.
        usage: the bill.
        model: who answered, by the endpoint's own name for it.
        cached: whether it came from our own cache.
    """

    text: str
    end: ReplyEnd = ReplyEnd.END
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    cached: bool = False


class Fault(StrEnum):
    """What went wrong with a chat model; the word in `ChatError.fault`, for programs."""

    UNREACHABLE = "unreachable"  # nobody listens there, or the connection broke
    TIMEOUT = "timeout"  # the first token, or the whole answer, did not come in time
    UNAUTHORIZED = "unauthorized"  # no key, or a wrong one
    NOT_FOUND = "not-found"  # no such path or model there
    RATE_LIMITED = "rate-limited"  # too many requests, by the endpoint's count or by ours
    OVERLOADED = "overloaded"  # it answered with an error of its own, again and again
    UNPAID = "unpaid"  # the account there has no money or quota left
    REFUSED = "refused"  # it understood the request and does not take it
    TOO_LONG = "too-long"  # the conversation does not fit its window
    MALFORMED = "malformed"  # what came is not what this kind of endpoint says
    WRONG_FORM = "wrong-form"  # an answer that does not fit its schema, even after it was told so
    RESTING = "resting"  # it failed several times just now and is left alone for a while
    CLOSED = "closed"  # it was switched off here


class ChatError(ModelError):
    """A chat model did not answer. The message is one sentence with the next step, and never holds a key.

    Attributes:
        fault: what went wrong, in one word.
        retry_s: when it is worth trying again, seconds from now; None when nothing is known.
        partial: what had come of the answer until then.
        usage: what it has cost nevertheless.
        said: the endpoint's own words, "" for none.
    """

    said = ""

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
        """The model's name, for people and records ("qwen2.5-coder:7b")."""
        ...

    @property
    def context_tokens(self) -> int:
        """Tokens that conversation and answer may have together."""
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
            cancelled: asked many times a second; once true the connection is closed and what had come is returned,
                ended CANCELLED.
            on_text: called with each piece of the answer when it comes, on any thread, never two at once. A broken
                stream that is begun anew is not announced twice: only what goes beyond the pieces so far.

        Raises:
            ChatError: no answer came; its sentence says what to do.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Number of tokens in `text`, exactly or estimated from above."""
        ...

    def close(self) -> None:
        """End what runs and let go of connections. Safe to call twice."""
        ...


def never() -> bool:
    """A `cancelled` for callers that wait in any case."""
    return False
