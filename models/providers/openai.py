"""The dialect of OpenAI's chat completions, which vLLM, llama.cpp, Ollama, LiteLLM, OpenRouter and most others speak.

https://platform.openai.com/docs/api-reference/chat. Start at `outgoing` and `Reader`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.endpoint import Outgoing
from models.providers.dialect import Dialect, Draft, count_of
from models.refusals import of_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/chat/completions"
# Old servers know no `stream_options`, many no `json_schema`; newer models take `max_completion_tokens` and no
# `temperature`.
OPTIONAL = ("response_format", "stream_options", "temperature", "max_tokens")

_ENDS = {"length": ReplyEnd.LENGTH, "content_filter": ReplyEnd.FILTERED, "tool_calls": ReplyEnd.TOOLS}


def outgoing(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """The request as it is sent."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    if request.schema is not None:
        form = {"name": request.schema.name, "schema": request.schema.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    for name in without:
        body.pop(name, None)
    if "max_tokens" in without:
        body["max_completion_tokens"] = request.max_tokens
    return Outgoing(PATH, body)


def authorize(key: str) -> Mapping[str, str]:
    """The key as a bearer's token."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader(Draft):
    """Reads `chat.completion.chunk`s, or one whole `chat.completion` of a server that does not stream."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event; `{}` is the end mark."""
        if event.get("error"):
            raise of_event(event)
        if not event:
            self.finish()
            return
        self.named(event.get("model"))
        if usage := event.get("usage"):
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            self.usage = Usage(
                count_of(usage["prompt_tokens"]), count_of(usage.get("completion_tokens")), count_of(cached)
            )
        for choice in event["choices"]:
            whole = choice.get("message")
            self._take(whole or choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                self.end = _ENDS.get(reason, ReplyEnd.END)
                self._said_all = True
            if whole:
                self.finish()

    _said_all = False  # a finish reason came; the bill, and the end mark, may follow

    def close(self) -> None:
        """The stream is over; some servers send no end mark."""
        if self._said_all:
            self.finish()

    def _take(self, delta: Mapping[str, Any]) -> None:
        if delta.get("reasoning_content") or delta.get("reasoning"):
            self.started = True  # it thinks; what it thinks is not shown
        self.say(delta.get("content") or "")
        for place, call in enumerate(delta.get("tool_calls") or ()):
            made = call.get("function") or {}
            self.call(
                call.get("index", place),
                identity=call.get("id") or "",
                name=made.get("name") or "",
                arguments=made.get("arguments") or "",
            )


def _message(message: Message) -> dict[str, Any]:
    if message.speaker is Speaker.TOOL:
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    written: dict[str, Any] = {"role": message.speaker.value, "content": message.text}
    if message.calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in message.calls
        ]
    return written


DIALECT = Dialect(outgoing, authorize, Reader, OPTIONAL)
