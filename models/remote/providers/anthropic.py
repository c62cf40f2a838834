"""The dialect of Anthropic's messages; https://docs.claude.com/en/api/messages-streaming. Start at `outgoing`.

An answer by schema is asked for as the one tool the model must call, whose arguments become the answer's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.remote.endpoint import Outgoing
from models.remote.lenient_json import arguments_of, count_of, number_of, rows_of, string_of, table_of, text_of
from models.remote.providers.dialect import Dialect, Draft
from models.remote.refusals import of_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/v1/messages"
VERSION = "2023-06-01"
OPTIONAL = ("temperature",)  # newer models take none
_FORM = "answer"  # name of the tool that an answer by schema is given through

_ENDS = {
    "max_tokens": ReplyEnd.LENGTH,
    "model_context_window_exceeded": ReplyEnd.LENGTH,
    "refusal": ReplyEnd.FILTERED,
    "tool_use": ReplyEnd.TOOLS,
}


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
    """Reads events by their `type`; takes what it knows, and lets everything else be."""

    _form = -1  # the block that is the answer by schema

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        kind = event.get("type")
        if (kind == "error" or event.get("error")) and not self.settled:
            raise of_event(event)
        if kind == "message_start":
            message = table_of(event.get("message"))
            self.named(message.get("model"))
            self._bill(table_of(message.get("usage")))
        elif kind == "content_block_start":
            self._open(number_of(event.get("index"), 0), table_of(event.get("content_block")))
        elif kind == "content_block_delta":
            self._go_on(number_of(event.get("index"), 0), table_of(event.get("delta")))
        elif kind == "message_delta":
            self._end(table_of(event.get("delta")))
            self._bill(table_of(event.get("usage")))
        elif kind == "message_stop":
            self.finish()
        elif kind == "message":
            self._whole(event)

    def _end(self, delta: Mapping[str, Any]) -> None:
        if reason := string_of(delta.get("stop_reason")):
            self.end = _ENDS.get(reason.lower(), ReplyEnd.END)
            self.started = self.settled = True
        if self._form >= 0 and self.end is ReplyEnd.TOOLS:
            self.end = ReplyEnd.END

    def _whole(self, message: Mapping[str, Any]) -> None:
        """The answer of a server that does not stream."""
        self.named(message.get("model"))
        self._bill(table_of(message.get("usage")))
        content = message.get("content")
        if isinstance(content, str):
            self.say(content)
        for index, part in enumerate(rows_of(content)):
            block = {"type": "text", "text": part} if isinstance(part, str) else table_of(part)
            self._open(index, block)
            if block.get("type") == "tool_use":
                self._go_on(index, {"type": "input_json_delta", "partial_json": arguments_of(block.get("input"))})
        self._end(message)
        self.finish()

    def _open(self, index: int, block: Mapping[str, Any]) -> None:
        kind, name = block.get("type"), string_of(block.get("name"))
        if kind == "text":
            self._say(text_of(block.get("text")))
        elif kind == "tool_use" and name == _FORM:
            self._form = index
            self.begin_anew()
        elif kind == "tool_use":
            self.call(index, identity=string_of(block.get("id")), name=name)

    def _go_on(self, index: int, delta: Mapping[str, Any]) -> None:
        kind = delta.get("type")
        if kind == "text_delta" or (kind is None and delta.get("text")):
            self._say(text_of(delta.get("text")))
        elif kind == "input_json_delta" and index == self._form:
            self.say(arguments_of(delta.get("partial_json")))
        elif kind == "input_json_delta":
            self.call(index, arguments=arguments_of(delta.get("partial_json")))
        else:
            self.started = True  # it thinks; what it thinks is not shown

    def _say(self, text: str) -> None:
        if self._form < 0:  # else what it says beside the answer by schema
            self.say(text)

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
