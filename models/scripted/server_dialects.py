"""The server side of each dialect of chat and completion: the events of an answer. Start at `choose_dialect`.

The counterpart of `models.remote.providers`, written from the same documents and without shared code, so that each
tests the other.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.scripted.scripts import Turn

NAME = "scripted"
PROMPT_TOKENS = 7  # reported for every request, since prompts are not counted here


class ServerDialect:
    """The dialect of OpenAI's chat completions; base class of the other dialects.

    Attributes:
        content_type: content type of a streamed answer.
        streams_unasked: whether an answer is streamed unless the request says otherwise.
    """

    content_type = "text/event-stream"
    streams_unasked = False

    def frame_text(self, text: str) -> bytes:
        """Return the bytes of one event with the text `text`."""
        return f"data: {text}\n\n".encode()

    def frame(self, event: dict[str, Any]) -> bytes:
        """Return the bytes of one event with the JSON object `event`."""
        return self.frame_text(json.dumps(event))

    def adapt_to(self, body: Mapping[str, Any]) -> ServerDialect:
        """Return the dialect with the options in the request `body`, such as probabilities."""
        del body
        return self

    def begin(self, turn: Turn) -> Iterator[bytes]:
        """Yield the events before the text of an answer."""
        del turn
        yield self._frame_delta({"role": "assistant", "content": ""})

    def frame_token(self, token: str) -> Iterator[bytes]:
        """Yield the events of one token of the text."""
        yield self._frame_delta({"content": token})

    def end(self, turn: Turn) -> Iterator[bytes]:
        """Yield the events after the text: tool calls, finish reason and usage."""
        for place, call in enumerate(turn.calls):
            arguments = json.dumps(dict(call.arguments))
            named = {"name": call.name, "arguments": arguments[: len(arguments) // 2]}
            yield self._frame_delta(
                {"tool_calls": [{"index": place, "id": call.id, "type": "function", "function": named}]}
            )
            rest = {"arguments": arguments[len(arguments) // 2 :]}
            yield self._frame_delta({"tool_calls": [{"index": place, "function": rest}]})
        reasons = {ReplyEnd.LENGTH: "length", ReplyEnd.FILTERED: "content_filter", ReplyEnd.TOOLS: "tool_calls"}
        yield self._frame_delta({}, reasons.get(turn.end, "stop"))
        yield self.frame({"object": "chat.completion.chunk", "model": NAME, "choices": [], "usage": _make_usage(turn)})
        yield b"data: [DONE]\n\n"

    def make_whole(self, turn: Turn) -> dict[str, Any]:
        """Return the whole answer, for a request without streaming."""
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(dict(c.arguments))}}
            for c in turn.calls
        ]
        message = {"role": "assistant", "content": turn.text, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        return {"object": "chat.completion", "model": NAME, "choices": [choice], "usage": _make_usage(turn)}

    def _frame_delta(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        """Return the event with the change `delta` and, in the last event of a choice, the finish `reason`."""
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return self.frame({"object": "chat.completion.chunk", "model": NAME, "choices": [choice]})


class _Ollama(ServerDialect):
    """The dialect of Ollama's chat."""

    content_type = "application/x-ndjson"
    streams_unasked = True

    def frame_text(self, text: str) -> bytes:
        return f"{text}\n".encode()

    def begin(self, turn: Turn) -> Iterator[bytes]:
        del turn
        yield from ()

    def frame_token(self, token: str) -> Iterator[bytes]:
        yield self.frame({"model": NAME, "message": {"role": "assistant", "content": token}, "done": False})

    def end(self, turn: Turn) -> Iterator[bytes]:
        yield self.frame(
            {**self.make_whole(turn), "message": {"role": "assistant", "content": "", **self._format_calls(turn)}}
        )

    def make_whole(self, turn: Turn) -> dict[str, Any]:
        return {
            "model": NAME,
            "message": {"role": "assistant", "content": turn.text, **self._format_calls(turn)},
            "done": True,
            "done_reason": "length" if turn.end is ReplyEnd.LENGTH else "stop",
            "prompt_eval_count": PROMPT_TOKENS,
            "eval_count": len(turn.text.split()),
        }

    @staticmethod
    def _format_calls(turn: Turn) -> dict[str, Any]:
        """Return the field with the tool calls of `turn` in Ollama's form; {} if there are none."""
        calls = [{"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in turn.calls]
        return {"tool_calls": calls} if calls else {}


class _Anthropic(ServerDialect):
    """The dialect of Anthropic's messages; an answer by schema is sent as text, since scripts know no schemas."""

    def frame(self, event: dict[str, Any]) -> bytes:
        return f"event: {event.get('type', '')}\ndata: {json.dumps(event)}\n\n".encode()

    def begin(self, turn: Turn) -> Iterator[bytes]:
        del turn
        message = {"role": "assistant", "model": NAME, "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}}
        yield self.frame({"type": "message_start", "message": message})
        block = {"type": "text", "text": ""}
        yield self.frame({"type": "content_block_start", "index": 0, "content_block": block})
        yield self.frame({"type": "ping"})

    def frame_token(self, token: str) -> Iterator[bytes]:
        delta = {"type": "text_delta", "text": token}
        yield self.frame({"type": "content_block_delta", "index": 0, "delta": delta})

    def end(self, turn: Turn) -> Iterator[bytes]:
        yield self.frame({"type": "content_block_stop", "index": 0})
        for place, call in enumerate(turn.calls, 1):
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            yield self.frame({"type": "content_block_start", "index": place, "content_block": block})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(dict(call.arguments))}
            yield self.frame({"type": "content_block_delta", "index": place, "delta": delta})
            yield self.frame({"type": "content_block_stop", "index": place})
        usage = {"output_tokens": len(turn.text.split())}
        yield self.frame({"type": "message_delta", "delta": {"stop_reason": self._name_reason(turn)}, "usage": usage})
        yield self.frame({"type": "message_stop"})

    def make_whole(self, turn: Turn) -> dict[str, Any]:
        calls = [{"type": "tool_use", "id": c.id, "name": c.name, "input": dict(c.arguments)} for c in turn.calls]
        return {
            "type": "message",
            "role": "assistant",
            "model": NAME,
            "content": [{"type": "text", "text": turn.text}, *calls],
            "stop_reason": self._name_reason(turn),
            "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": len(turn.text.split())},
        }

    @staticmethod
    def _name_reason(turn: Turn) -> str:
        """Return Anthropic's name of the reason for which `turn` ends."""
        reasons = {ReplyEnd.LENGTH: "max_tokens", ReplyEnd.FILTERED: "refusal", ReplyEnd.TOOLS: "tool_use"}
        return reasons.get(turn.end, "end_turn")


@dataclass(frozen=True)
class _Completion(ServerDialect):
    """The dialect of OpenAI's completions, with `ranked` likely tokens if the request asks for probabilities."""

    ranked: int = 0

    def adapt_to(self, body: Mapping[str, Any]) -> ServerDialect:
        return type(self)(int(body.get("logprobs") or 0))

    def begin(self, turn: Turn) -> Iterator[bytes]:
        del turn
        yield from ()

    def frame_token(self, token: str) -> Iterator[bytes]:
        told = None
        if self.ranked:
            likely = dict(rank_tokens_for(token)[: self.ranked])
            told = {"tokens": [token], "token_logprobs": [likely[token]], "top_logprobs": [likely]}
        yield self._frame_choice(token, None, logprobs=told)

    def end(self, turn: Turn) -> Iterator[bytes]:
        yield self._frame_choice("", "length" if turn.end is ReplyEnd.LENGTH else "stop", usage=_make_usage(turn))
        yield b"data: [DONE]\n\n"

    def make_whole(self, turn: Turn) -> dict[str, Any]:
        choice = {"index": 0, "text": turn.text, "finish_reason": "stop", "logprobs": None}
        return {"object": "text_completion", "model": NAME, "choices": [choice], "usage": _make_usage(turn)}

    def _frame_choice(self, text: str, reason: str | None, *, logprobs: Any = None, **more: Any) -> bytes:  # noqa: ANN401 (JSON)
        """Return the event of one choice; `more` are further fields of the event."""
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": logprobs}
        return self.frame({"object": "text_completion", "model": NAME, "choices": [choice], **more})


@dataclass(frozen=True)
class _Generate(_Ollama):
    """The dialect of Ollama's completions, with `ranked` likely tokens if the request asks for probabilities."""

    ranked: int = 0

    def adapt_to(self, body: Mapping[str, Any]) -> ServerDialect:
        return type(self)(int(body.get("top_logprobs") or 0) if body.get("logprobs") else 0)

    def frame_token(self, token: str) -> Iterator[bytes]:
        event: dict[str, Any] = {"model": NAME, "response": token, "done": False}
        if self.ranked:
            likely = [{"token": said, "logprob": value} for said, value in rank_tokens_for(token)[: self.ranked]]
            event["logprobs"] = [{**likely[0], "top_logprobs": likely}]
        yield self.frame(event)

    def end(self, turn: Turn) -> Iterator[bytes]:
        yield self.frame({**self.make_whole(turn), "response": ""})

    def make_whole(self, turn: Turn) -> dict[str, Any]:
        told = super().make_whole(turn)
        del told["message"]
        return {**told, "response": turn.text}


def rank_tokens_for(scripted: str) -> list[tuple[str, float]]:
    """Return two tokens with log-probabilities: the scripted one (probability 1/2), then a dot or comma (1/4)."""
    other = "," if scripted == "." else "."
    return [(scripted, math.log(0.5)), (other, math.log(0.25))]


_DIALECTS = {
    "/chat/completions": ServerDialect(),
    "/v1/messages": _Anthropic(),
    "/api/chat": _Ollama(),
    "/api/generate": _Generate(),
    "/completions": _Completion(),
}


def choose_dialect(path: str) -> ServerDialect | None:
    """Return the dialect of requests to the URL path `path`; None for an unknown path."""
    bare = path.partition("?")[0]
    return next((dialect for end, dialect in _DIALECTS.items() if bare.endswith(end)), None)


def extract_text(body: dict[str, Any]) -> str:
    """Return the text of the request `body`: its system text and messages, or its prompt and suffix."""
    return "\n".join(_iterate_strings([body.get(name) for name in ("system", "messages", "prompt", "suffix")]))


def _iterate_strings(value: object) -> Iterator[str]:
    """Yield the texts in a JSON value: strings, in lists too, and the fields `content` and `text` of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _iterate_strings(one)
    elif isinstance(value, dict):
        for name in ("content", "text"):
            yield from _iterate_strings(value.get(name))


def _make_usage(turn: Turn) -> dict[str, Any]:
    """Return the usage of an answer with the text of `turn`, in OpenAI's form."""
    written = len(turn.text.split())
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": written,
        "total_tokens": PROMPT_TOKENS + written,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
