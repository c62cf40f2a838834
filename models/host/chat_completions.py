"""`/v1/chat/completions`: a conversation in OpenAI's form, answered by a chat model of the catalog.

Start at `ChatCompletionRequest.read` and `ChatCompletion.stream_events`.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.chat import AnswerSchema, ChatRequest, Message, Reply, ReplyEnd, Speaker, ToolCall, ToolSpec
from models.host.protocol import InvalidRequestError, read_required_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from models.chat import ChatModel
    from models.host.computation import Computation
    from models.host.metrics import Metrics

SPEAKERS = {
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    "user": Speaker.USER,
    "assistant": Speaker.ASSISTANT,
    "tool": Speaker.TOOL,
}
ENDS = {ReplyEnd.LENGTH: "length", ReplyEnd.TOOLS: "tool_calls"}


@dataclass(frozen=True, slots=True)
class ChatCompletionRequest:
    """A request to `/v1/chat/completions`.

    Attributes:
        model: name of the model in the catalog.
        request: the conversation.
        stream: whether the answer is sent in pieces, as server-sent events.
    """

    model: str
    request: ChatRequest
    stream: bool

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> ChatCompletionRequest:
        """Read the request from a JSON body.

        Raises:
            InvalidRequestError: the body is no chat completion request.
        """
        try:
            request = ChatRequest(
                messages=tuple(map(_read_message, body["messages"])),
                tools=tuple(map(_read_tool, body.get("tools") or ())),
                schema=_read_schema(body.get("response_format")),
                max_tokens=int(body.get("max_completion_tokens") or body.get("max_tokens") or 1024),
                temperature=None if body.get("temperature") is None else float(body["temperature"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidRequestError(
                f"This is not a chat completion request in OpenAI's form ({type(error).__name__}: {error})."
            ) from None
        if not request.messages or request.max_tokens < 1:
            raise InvalidRequestError("There must be a message, and max_tokens of at least 1.")
        return cls(read_required_text(body, "model"), request, bool(body.get("stream")))


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """One request and the model that answers it; computed by `stream_events` or `answer_whole`."""

    conversation: ChatCompletionRequest
    chat: ChatModel
    computation: Computation
    metrics: Metrics
    identity: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def stream_events(self) -> AsyncGenerator[dict[str, Any], None]:
        """Compute the answer and yield it in pieces, as events of OpenAI's API; finish reason and usage come last."""
        yield self._make_chunk({"role": "assistant", "content": ""})
        async for item in self.computation.stream(self._chat):
            if isinstance(item, str):
                yield self._make_chunk({"content": item})
            elif isinstance(item, Reply):
                self._record_tokens(item)
                if item.calls:
                    yield self._make_chunk({"tool_calls": _format_calls(item)})
                yield self._make_chunk({}, ENDS.get(item.end, "stop"))
                yield self._make_object("chat.completion.chunk", []) | {"usage": _format_usage(item)}

    async def answer_whole(self) -> dict[str, Any]:
        """Compute the answer and return it as one response object of OpenAI's API."""
        reply = await self.computation.run(lambda: self._chat(lambda _: None))
        self._record_tokens(reply)
        message = {
            "role": "assistant",
            "content": reply.text,
            **({"tool_calls": _format_calls(reply)} if reply.calls else {}),
        }
        choice = {"index": 0, "message": message, "finish_reason": ENDS.get(reply.end, "stop")}
        return self._make_object("chat.completion", [choice]) | {"usage": _format_usage(reply)}

    def _chat(self, on_text: Callable[[str], None]) -> Reply:
        """Ask the model and pass each piece of its text to `on_text`; runs on a worker thread."""
        return self.chat.chat(self.conversation.request, cancelled=self.computation.is_cancelled, on_text=on_text)

    def _record_tokens(self, reply: Reply) -> None:
        """Add the tokens of `reply` to the metrics."""
        self.metrics.add("tokens_total", reply.usage.answer_tokens, model=self.chat.name)

    def _make_object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a response object of OpenAI's API, of the type `kind`, with `choices`."""
        head = {"id": self.identity, "object": kind, "created": self.created}
        return {**head, "model": self.chat.name, "choices": choices}

    def _make_chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        """Return one event of a streamed answer: the change `delta`, and the finish reason in the last event."""
        return self._make_object("chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": finish}])


def _format_calls(reply: Reply) -> list[dict[str, Any]]:
    """Return the tool calls of `reply` in OpenAI's form."""
    return [
        {
            "index": place,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for place, call in enumerate(reply.calls)
    ]


def _format_usage(reply: Reply) -> dict[str, int]:
    """Return the usage of `reply` in OpenAI's form."""
    read, written = reply.usage.prompt_tokens, reply.usage.answer_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _read_message(given: Mapping[str, Any]) -> Message:
    """Read a message from OpenAI's form.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the message is malformed, has parts that are not text, or calls
            whose arguments are no JSON object.
    """
    content = given.get("content") or ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    calls = tuple(
        ToolCall(str(call["id"]), str(call["function"]["name"]), _read_arguments(call["function"]["arguments"] or "{}"))
        for call in given.get("tool_calls") or ()
    )
    return Message(SPEAKERS[given["role"]], str(content), calls, str(given.get("tool_call_id") or ""))


def _read_arguments(text: str) -> dict[str, Any]:
    """Read the arguments of a call, a JSON object.

    Raises:
        TypeError, ValueError: they are something else.
    """
    try:
        arguments = json.loads(text)
    except RecursionError:
        raise ValueError("the arguments are nested too deeply") from None
    if not isinstance(arguments, dict):
        raise TypeError("the arguments are no object")
    return arguments


def _read_tool(given: Mapping[str, Any]) -> ToolSpec:
    """Read a tool from OpenAI's form; raises as `_read_message`."""
    function = given["function"]
    return ToolSpec(
        str(function["name"]), str(function.get("description") or ""), dict(function.get("parameters") or {})
    )


def _read_schema(given: Mapping[str, Any] | None) -> AnswerSchema | None:
    """Read the answer's schema from the field `response_format`; None for free text; raises as `_read_message`."""
    kind = (given or {}).get("type")
    if given is None or kind == "text":
        return None
    if kind == "json_object":
        return AnswerSchema("answer", {"type": "object"})
    form = given["json_schema"]
    return AnswerSchema(str(form.get("name") or "answer"), dict(form["schema"]))
