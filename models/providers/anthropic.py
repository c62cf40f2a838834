"""The dialect of Anthropic's messages; https://docs.claude.com/en/api/messages-streaming. Start at `outgoing`.

An answer by schema is asked for as the one tool the model must call, whose arguments become the answer's text.
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

PATH = "/v1/messages"
VERSION = "2023-06-01"
OPTIONAL = ("temperature",)  # newer models take none
_FORM = "answer"  # name of the tool that an answer by schema is given through

_ENDS = {"max_tokens": ReplyEnd.LENGTH, "refusal": ReplyEnd.FILTERED, "tool_use": ReplyEnd.TOOLS}


def outgoing(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """The request as it is sent."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages if message.speaker is not Speaker.SYSTEM],
        "max_tokens": request.max_tokens,
        "stream": True,
    }
    if system := "\n\n".join(message.text for message in request.messages if message.speaker is Speaker.SYSTEM):
        body["system"] = system
    if request.temperature is not None:
        body["temperature"] = request.temperature
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in request.tools
    ]
    if request.schema is not None:
        tools.append({"name": _FORM, "description": "Give the answer.", "input_schema": request.schema.schema})
        body["tool_choice"] = {"type": "any"} if request.tools else {"type": "tool", "name": _FORM}
    if tools:
        body["tools"] = tools
    for name in without:
        body.pop(name, None)
    return Outgoing(PATH, body, {"anthropic-version": VERSION})


def authorize(key: str) -> Mapping[str, str]:
    """The key in a header of its own."""
    return {"x-api-key": key} if key else {}


class Reader(Draft):
    """Reads events by their `type`."""

    _form = -1  # the block that is the answer by schema

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        kind = event["type"]
        if kind == "error":
            raise of_event(event)
        if kind == "message_start":
            self.named(event["message"].get("model"))
            self._bill(event["message"].get("usage") or {})
        elif kind == "content_block_start":
            self._open(event["index"], event["content_block"])
        elif kind == "content_block_delta":
            self._go_on(event["index"], event["delta"])
        elif kind == "message_delta":
            self.end = _ENDS.get(event["delta"].get("stop_reason") or "", ReplyEnd.END)
            if self._form >= 0 and self.end is ReplyEnd.TOOLS:
                self.end = ReplyEnd.END
            self._bill(event.get("usage") or {})
        elif kind == "message_stop":
            self.finish()
        elif kind == "message":
            self._whole(event)

    def _whole(self, message: Mapping[str, Any]) -> None:
        """The answer of a server that does not stream."""
        self.feed({"type": "message_start", "message": message})
        for index, block in enumerate(message["content"]):
            self._open(index, block)
            if block["type"] == "tool_use":
                self._go_on(index, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])})
        self.feed({"type": "message_delta", "delta": message})
        self.finish()

    def _open(self, index: int, block: Mapping[str, Any]) -> None:
        if block["type"] == "text":
            self.say(block.get("text") or "")
        elif block["type"] == "tool_use" and block["name"] == _FORM:
            self._form, self.text, self.started = index, "", True
        elif block["type"] == "tool_use":
            self.call(index, identity=block["id"], name=block["name"])

    def _go_on(self, index: int, delta: Mapping[str, Any]) -> None:
        if delta["type"] == "text_delta" and self._form < 0:
            self.say(delta["text"])
        elif delta["type"] == "input_json_delta" and index == self._form:
            self.say(delta["partial_json"])
        elif delta["type"] == "input_json_delta":
            self.call(index, arguments=delta["partial_json"])
        else:
            self.started = True  # it thinks; what it thinks is not shown

    def _bill(self, usage: Mapping[str, Any]) -> None:
        read = sum(count_of(usage.get(name)) for name in ("input_tokens", "cache_creation_input_tokens"))
        cached = count_of(usage.get("cache_read_input_tokens"))
        written = count_of(usage.get("output_tokens"))
        before = self.usage
        self.usage = Usage(
            max(before.prompt_tokens, read + cached),
            max(before.answer_tokens, written),
            max(before.cached_tokens, cached),
        )


def _message(message: Message) -> dict[str, Any]:
    if message.speaker is Speaker.TOOL:
        result = {"type": "tool_result", "tool_use_id": message.call_id, "content": message.text}
        return {"role": "user", "content": [result]}
    if not message.calls:
        return {"role": message.speaker.value, "content": message.text}
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)} for call in message.calls
    ]
    return {"role": "assistant", "content": blocks}


DIALECT = Dialect(outgoing, authorize, Reader, OPTIONAL, ("/v1",))
