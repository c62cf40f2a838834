"""The dialect of Ollama's own chat, in lines of JSON; https://docs.ollama.com/api/chat. Start at `outgoing`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, Speaker, Usage
from models.remote.endpoint import Outgoing
from models.remote.lenient_json import arguments_of, count_of, rows_of, string_of, table_of, text_of
from models.remote.providers.dialect import Dialect, Draft
from models.remote.refusals import of_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from models.chat import ChatRequest, Message

PATH = "/api/chat"
OPTIONAL = ("format", "tools")  # old versions know no schema, and some models no tools


def outgoing(request: ChatRequest, model: str, without: Collection[str]) -> Outgoing:
    """The request as it is sent."""
    names = {call.id: call.name for message in request.messages for call in message.calls}
    options: dict[str, Any] = {"num_predict": request.max_tokens}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, names) for message in request.messages],
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


def with_window(outgoing: Outgoing, tokens: int) -> Outgoing:
    """Return the request with the window it needs: with its default Ollama silently truncates long conversations."""
    options = {**table_of(outgoing.body.get("options")), "num_ctx": tokens}
    return replace(outgoing, body={**outgoing.body, "options": options})


def authorize(key: str) -> Mapping[str, str]:
    """The key as a bearer's token, for an Ollama behind a gateway."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Reader(Draft):
    """Reads lines until the one that is `done`; takes what it knows, and lets everything else be."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one line; `{}` is an end mark that some gateways add."""
        if event.get("error") and not self.settled:
            raise of_event(event)
        if not event:
            self.close(broken=False)
            return
        self.named(event.get("model"))
        message = table_of(event.get("message"))
        if message.get("thinking") or event.get("thinking"):
            self.started = True  # it thinks; what it thinks is not shown
        self.say(text_of(message.get("content")) or text_of(event.get("response")))
        for call in rows_of(message.get("tool_calls")):
            made = table_of(table_of(call).get("function"))
            if made:
                arguments = arguments_of(made.get("arguments"))
                self.call(len(self._calls), name=string_of(made.get("name")), arguments=arguments)
        if event.get("done") is True:
            self.usage = Usage(count_of(event.get("prompt_eval_count")), count_of(event.get("eval_count")))
            self.end = ReplyEnd.LENGTH if event.get("done_reason") == "length" else ReplyEnd.END
            self.settled = True
            self.finish()


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    if message.speaker is Speaker.TOOL:
        return {"role": "tool", "content": message.text, "tool_name": names.get(message.call_id, "")}
    written: dict[str, Any] = {"role": message.speaker.value, "content": message.text}
    if message.calls:
        written["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in message.calls
        ]
    return written


DIALECT = Dialect(outgoing, authorize, Reader, OPTIONAL, ("/api", "/v1"), with_window)
