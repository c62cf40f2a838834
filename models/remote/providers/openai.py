"""The dialect of OpenAI's chat completions, which vLLM, llama.cpp, Ollama, LiteLLM, OpenRouter and most others speak.

https://platform.openai.com/docs/api-reference/chat. Start at `outgoing` and `Reader`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.remote.endpoint import Outgoing
from models.remote.lenient_json import arguments_of, count_of, number_of, rows_of, string_of, table_of, text_of
from models.remote.providers.dialect import Dialect, Draft
from models.remote.refusals import of_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/chat/completions"
# Old servers know no `stream_options`, many no `json_schema`; newer models take `max_completion_tokens` and no
# `temperature`.
OPTIONAL = ("response_format", "stream_options", "temperature", "max_tokens")

# Words for the end, of OpenAI and of those who speak its dialect.
_ENDS = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length"), ReplyEnd.LENGTH),
    **dict.fromkeys(("content_filter", "safety", "refusal", "prohibited_content", "recitation"), ReplyEnd.FILTERED),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), ReplyEnd.TOOLS),
}
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


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
    """Reads `chat.completion.chunk`s, or one whole `chat.completion` of a server that does not stream.

    Takes what it knows wherever it comes, and lets everything else be: endpoints differ in what they leave out, set to
    null, or send besides.
    """

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event; `{}` is the end mark."""
        if event.get("object") == "error":  # as vLLM says it
            event = {"error": event}
        if event.get("error") and not self.settled:
            raise of_event(event)
        if not event:
            self.finish()
            return
        self.named(event.get("model"))
        if usage := table_of(event.get("usage")):
            details = table_of(usage.get("prompt_tokens_details"))
            self.usage = Usage(
                count_of(usage.get("prompt_tokens")),
                count_of(usage.get("completion_tokens")),
                count_of(details.get("cached_tokens")),
            )
        for choice in rows_of(event.get("choices")):
            if isinstance(choice, dict) and number_of(choice.get("index"), 0) == 0:
                self._choose(choice)

    def _choose(self, choice: Mapping[str, Any]) -> None:
        delta, whole = table_of(choice.get("delta")), table_of(choice.get("message"))
        if whole and not delta and not self.text:
            self._take(whole)
        elif delta:
            self._take(delta)
        elif not whole:
            self.say(text_of(choice.get("text")))
        if reason := string_of(choice.get("finish_reason")):
            self.end = _ENDS.get(reason.lower(), ReplyEnd.END)
            self.started = self.settled = True
        if whole and not delta:
            self.finish()

    def _take(self, delta: Mapping[str, Any]) -> None:
        if any(delta.get(name) for name in THOUGHTS):
            self.started = True  # it thinks; what it thinks is not shown
        said = text_of(delta.get("content"))
        self.say(said or text_of(delta.get("refusal")))
        calls = [delta["function_call"]] if table_of(delta.get("function_call")) else []  # as it was called once
        for place, call in enumerate([*rows_of(delta.get("tool_calls")), *({"function": one} for one in calls)]):
            if not isinstance(call, dict):
                continue
            made = table_of(call.get("function"))
            self.call(
                number_of(call.get("index"), place),
                identity=string_of(call.get("id")),
                name=string_of(made.get("name")),
                arguments=arguments_of(made.get("arguments")),
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
