"""Anthropic's messages; https://docs.claude.com/en/api/messages-streaming.

An answer by schema is requested as the one tool that the model has to call; its arguments become the answer's text.
Start at `write_request` and `Reader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.remote.exchange import Outgoing
from models.remote.lenient_json import (
    read_arguments,
    read_count,
    read_list,
    read_number,
    read_object,
    read_string,
    read_text,
)
from models.remote.providers.dialect import Dialect, Draft
from models.remote.refusals import explain_error_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/v1/messages"
VERSION = "2023-06-01"
OPTIONAL = ("temperature",)  # newer models refuse it
_ANSWER_TOOL = "answer"  # its arguments are the answer by schema

_ENDS = {
    "max_tokens": ReplyEnd.LENGTH,
    "model_context_window_exceeded": ReplyEnd.LENGTH,
    "refusal": ReplyEnd.FILTERED,
    "tool_use": ReplyEnd.TOOLS,
}


def write_request(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """Return the HTTP request for `request`, without the fields in `without`."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_write_message(message) for message in request.messages if message.speaker is not Speaker.SYSTEM],
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
        tools.append({"name": _ANSWER_TOOL, "description": "Give the answer.", "input_schema": request.schema.schema})
        body["tool_choice"] = {"type": "any"} if request.tools else {"type": "tool", "name": _ANSWER_TOOL}
    if tools:
        body["tools"] = tools
    for name in without:
        body.pop(name, None)
    return Outgoing(PATH, body, {"anthropic-version": VERSION})


def make_auth_headers(key: str) -> Mapping[str, str]:
    """Return the header that carries `key`; {} for ""."""
    return {"x-api-key": key} if key else {}


class Reader(Draft):
    """A reader of events by their `type`; unknown types and fields are ignored."""

    _answer_block = -1  # index of the block that is the answer by schema

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event.

        Raises:
            ChatError: the event reports an error before the finish reason has arrived.
        """
        kind = event.get("type")
        if (kind == "error" or event.get("error")) and not self.settled:
            raise explain_error_event(event)
        if kind == "message_start":
            message = read_object(event.get("message"))
            self.set_model(message.get("model"))
            self._read_usage(read_object(message.get("usage")))
        elif kind == "content_block_start":
            self._begin_block(read_number(event.get("index"), 0), read_object(event.get("content_block")))
        elif kind == "content_block_delta":
            self._continue_block(read_number(event.get("index"), 0), read_object(event.get("delta")))
        elif kind == "message_delta":
            self._read_end(read_object(event.get("delta")))
            self._read_usage(read_object(event.get("usage")))
        elif kind == "message_stop":
            self.finish()
        elif kind == "message":
            self._read_whole(event)

    def _read_end(self, delta: Mapping[str, Any]) -> None:
        """Read the stop reason in `delta`, if there is one; a call of the answer tool counts as a plain answer."""
        if reason := read_string(delta.get("stop_reason")):
            self.end = _ENDS.get(reason.lower(), ReplyEnd.END)
            self.started = self.settled = True
        if self._answer_block >= 0 and self.end is ReplyEnd.TOOLS:
            self.end = ReplyEnd.END

    def _read_whole(self, message: Mapping[str, Any]) -> None:
        """Read the whole answer, of a server that does not stream."""
        self.set_model(message.get("model"))
        self._read_usage(read_object(message.get("usage")))
        content = message.get("content")
        if isinstance(content, str):
            self.add_text(content)
        for index, part in enumerate(read_list(content)):
            block = {"type": "text", "text": part} if isinstance(part, str) else read_object(part)
            self._begin_block(index, block)
            if block.get("type") == "tool_use":
                self._continue_block(
                    index, {"type": "input_json_delta", "partial_json": read_arguments(block.get("input"))}
                )
        self._read_end(message)
        self.finish()

    def _begin_block(self, index: int, block: Mapping[str, Any]) -> None:
        """Begin the content block at `index`: text, a tool call, or the answer by schema, which replaces any text."""
        kind, name = block.get("type"), read_string(block.get("name"))
        if kind == "text":
            self._add_plain_text(read_text(block.get("text")))
        elif kind == "tool_use" and name == _ANSWER_TOOL:
            self._answer_block = index
            self.restart_text()
        elif kind == "tool_use":
            self.add_call(index, identity=read_string(block.get("id")), name=name)

    def _continue_block(self, index: int, delta: Mapping[str, Any]) -> None:
        """Append `delta` to the content block at `index`; a thought is ignored."""
        kind = delta.get("type")
        if kind == "text_delta" or (kind is None and delta.get("text")):
            self._add_plain_text(read_text(delta.get("text")))
        elif kind == "input_json_delta" and index == self._answer_block:
            self.add_text(read_arguments(delta.get("partial_json")))
        elif kind == "input_json_delta":
            self.add_call(index, arguments=read_arguments(delta.get("partial_json")))
        else:
            self.started = True  # a thought, which is not shown

    def _add_plain_text(self, text: str) -> None:
        """Append text, unless the answer is the arguments of the answer tool."""
        if self._answer_block < 0:
            self.add_text(text)

    def _read_usage(self, usage: Mapping[str, Any]) -> None:
        """Read token counts; several events report them, and the largest of each is kept."""
        read = sum(read_count(usage.get(name)) for name in ("input_tokens", "cache_creation_input_tokens"))
        cached = read_count(usage.get("cache_read_input_tokens"))
        written = read_count(usage.get("output_tokens"))
        before = self.usage
        self.usage = Usage(
            max(before.prompt_tokens, read + cached),
            max(before.answer_tokens, written),
            max(before.cached_tokens, cached),
        )


def _write_message(message: Message) -> dict[str, Any]:
    """Return `message` in Anthropic's form."""
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


DIALECT = Dialect(write_request, make_auth_headers, Reader, OPTIONAL, ("/v1",))
