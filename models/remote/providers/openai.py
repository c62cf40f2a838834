"""OpenAI's chat completions, which vLLM, llama.cpp, Ollama, LiteLLM, OpenRouter and most others offer.

https://platform.openai.com/docs/api-reference/chat. Start at `write_request` and `Reader`.
"""

from __future__ import annotations

import json
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

PATH = "/chat/completions"
# Fields that can be left out: old servers refuse `stream_options`, many `json_schema`; newer models refuse
# `temperature`, and take `max_completion_tokens` instead of `max_tokens`.
OPTIONAL = ("response_format", "stream_options", "temperature", "max_tokens")

# Finish reasons, as OpenAI and servers with its dialect write them.
_ENDS = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), ReplyEnd.LENGTH),
    **dict.fromkeys(("content_filter", "safety", "refusal", "prohibited_content", "recitation"), ReplyEnd.FILTERED),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), ReplyEnd.TOOLS),
}
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


def write_request(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """Return the HTTP request for `request`, without the fields in `without`.

    In place of a refused `max_tokens` it has `max_completion_tokens`.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_write_message(message) for message in request.messages],
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


def make_auth_headers(key: str) -> Mapping[str, str]:
    """Return the header that carries `key` as a bearer token; {} for ""."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader(Draft):
    """A reader of `chat.completion.chunk`s, or of the one `chat.completion` of a server that does not stream.

    Known fields are read wherever they are and all others ignored: endpoints omit fields, set them to null or add some.
    """

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event; `{}` is the end mark.

        Raises:
            ChatError: the event reports an error before the finish reason has arrived.
        """
        if event.get("object") == "error":  # vLLM's form
            event = {"error": event}
        if event.get("error") and not self.settled:
            raise explain_error_event(event)
        if not event:
            self.finish()
            return
        self.set_model(event.get("model"))
        if usage := read_object(event.get("usage")):
            details = read_object(usage.get("prompt_tokens_details"))
            self.usage = Usage(
                read_count(usage.get("prompt_tokens")),
                read_count(usage.get("completion_tokens")),
                read_count(details.get("cached_tokens")),
            )
        for choice in read_list(event.get("choices")):
            if isinstance(choice, dict) and read_number(choice.get("index"), 0) == 0:
                self._read_choice(choice)

    def _read_choice(self, choice: Mapping[str, Any]) -> None:
        """Read the text, the tool calls and the finish reason in one choice."""
        delta, whole = read_object(choice.get("delta")), read_object(choice.get("message"))
        if whole and not delta and not self.text:
            self._read_message(whole)
        elif delta:
            self._read_message(delta)
        elif not whole:
            self.add_text(read_text(choice.get("text")))
        if reason := read_string(choice.get("finish_reason")):
            self.end = _ENDS.get(reason.lower(), ReplyEnd.END)
            self.started = self.settled = True
        if whole and not delta:
            self.finish()

    def _read_message(self, delta: Mapping[str, Any]) -> None:
        """Read text and tool calls from a delta or a whole message."""
        if any(delta.get(name) for name in THOUGHTS):
            self.started = True  # a thought, which is not shown
        self.add_text(read_text(delta.get("content")) or read_text(delta.get("refusal")))
        calls = [delta["function_call"]] if read_object(delta.get("function_call")) else []  # the older form
        for place, call in enumerate([*read_list(delta.get("tool_calls")), *({"function": one} for one in calls)]):
            if not isinstance(call, dict):
                continue
            function = read_object(call.get("function"))
            self.add_call(
                read_number(call.get("index"), place),
                identity=read_string(call.get("id")),
                name=read_string(function.get("name")),
                arguments=read_arguments(function.get("arguments")),
            )


def _write_message(message: Message) -> dict[str, Any]:
    """Return `message` in OpenAI's form."""
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


DIALECT = Dialect(write_request, make_auth_headers, Reader, OPTIONAL)
