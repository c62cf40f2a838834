"""Ollama's own chat, in JSON lines; https://docs.ollama.com/api/chat. Start at `write_request` and `Reader`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.remote.exchange import Outgoing
from models.remote.lenient_json import read_arguments, read_count, read_list, read_object, read_string, read_text
from models.remote.providers.dialect import Dialect, Draft
from models.remote.refusals import explain_error_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/api/chat"
OPTIONAL = ("format", "tools")  # old versions refuse a schema, and some models refuse tools


def write_request(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """Return the HTTP request for `request`, without the fields in `without`."""
    names = {call.id: call.name for message in request.messages for call in message.calls}
    options: dict[str, Any] = {"num_predict": request.max_tokens}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    body: dict[str, Any] = {
        "model": model,
        "messages": [_write_message(message, names) for message in request.messages],
        "stream": True,
        "options": options,
    }
    if request.schema is not None:
        body["format"] = request.schema.schema
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    return Outgoing(PATH, {name: value for name, value in body.items() if name not in without})


def add_window(outgoing: Outgoing, tokens: int) -> Outgoing:
    """Return `outgoing` with a context window of `tokens`; without one, Ollama cuts long conversations silently."""
    options = {**read_object(outgoing.body.get("options")), "num_ctx": tokens}
    return replace(outgoing, body={**outgoing.body, "options": options})


def make_auth_headers(key: str) -> Mapping[str, str]:
    """Return the header that carries `key` as a bearer token, for an Ollama behind a gateway; {} for ""."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader(Draft):
    """A reader of JSON lines, up to the line that is `done`; unknown fields are ignored."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one line; `{}` is an end mark that some gateways add.

        Raises:
            ChatError: the line reports an error before the finish reason has arrived.
        """
        if event.get("error") and not self.settled:
            raise explain_error_event(event)
        if not event:
            self.close(broken=False)
            return
        self.set_model(event.get("model"))
        message = read_object(event.get("message"))
        if message.get("thinking") or event.get("thinking"):
            self.started = True  # a thought, which is not shown
        self.add_text(read_text(message.get("content")) or read_text(event.get("response")))
        for call in read_list(message.get("tool_calls")):
            function = read_object(read_object(call).get("function"))
            if function:
                arguments = read_arguments(function.get("arguments"))
                self.add_call(len(self._calls), name=read_string(function.get("name")), arguments=arguments)
        if event.get("done") is True:
            self.usage = Usage(read_count(event.get("prompt_eval_count")), read_count(event.get("eval_count")))
            self.end = ReplyEnd.LENGTH if event.get("done_reason") == "length" else ReplyEnd.END
            self.settled = True
            self.finish()


def _write_message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    """Return `message` in Ollama's form; `names` has the tool's name by the id of each call."""
    if message.speaker is Speaker.TOOL:
        return {"role": "tool", "content": message.text, "tool_name": names.get(message.call_id, "")}
    written: dict[str, Any] = {"role": message.speaker.value, "content": message.text}
    if message.calls:
        written["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in message.calls
        ]
    return written


DIALECT = Dialect(write_request, make_auth_headers, Reader, OPTIONAL, ("/api", "/v1"), add_window)
