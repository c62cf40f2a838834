"""Records of turns as lines of JSON, by which a turn can be replayed exactly: replies of models, and all events.

A record belongs to one turn and holds code of the workspace, so it is written to a private file. Secrets are hidden
in it, so that a turn that saw one cannot be replayed.

Start at `RecordedChat` and `ReplayedChat`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from agents.team import transcript
from models.chat import ChatError, Fault, Reply, ReplyEnd, ToolCall, Usage
from models.chat_layers import WrappedChat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agents.team.events import Event
    from models.chat import ChatModel, ChatRequest

VERSION = 1


class RunRecorder:
    """Writes the lines of one record; thread-safe.

    Args:
        write: takes each line, with its line end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._put({"record": VERSION})

    def record_event(self, event: Event) -> None:
        """Record an event, unless it is a `TextArrived`, whose text the recorded reply has."""
        kind = type(event).__name__
        if kind != "TextArrived":
            self._put({"event": kind, **asdict(event)})

    def record_reply(self, request: ChatRequest, reply: Reply) -> None:
        """Record what a model was asked, as a hash of it, and its whole reply."""
        self._put({"reply": asdict(reply), "request": hash_request(request)})

    def record_error(self, request: ChatRequest, error: ChatError) -> None:
        """Record that a model did not answer."""
        self._put({"error": str(error), "fault": error.fault, "request": hash_request(request)})

    def _put(self, line: dict[str, Any]) -> None:
        """Write one line of JSON to the record, with secrets hidden."""
        text = json.dumps(transcript.hide_in_value(line), ensure_ascii=False, default=str) + "\n"
        with self._lock:
            self._write(text)


class RecordedChat(WrappedChat):
    """A chat model whose replies are recorded."""

    def __init__(self, inner: ChatModel, recorder: RunRecorder) -> None:
        super().__init__(inner)
        self._recorder = recorder

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """Answer `request` with the model, and record the reply, or the `ChatError`, which is raised."""
        try:
            reply = self.inner.chat(request, cancelled=cancelled, on_text=on_text)
        except ChatError as error:
            self._recorder.record_error(request, error)
            raise
        self._recorder.record_reply(request, reply)
        return reply


class ReplayedChat:
    """A chat model that answers from a record, in order, and only what was asked then.

    Args:
        lines: the lines of the record.
        count: counts tokens, as the recorded model did.
        window: tokens of the recorded model's window.
    """

    def __init__(self, lines: Iterable[str], count: Callable[[str], int], window: int) -> None:
        self._answers = [one for one in map(json.loads, lines) if "reply" in one or "error" in one]
        self._count = count
        self._window = window
        self._next = 0

    @property
    def name(self) -> str:
        """Name of the model."""
        return "replayed"

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together."""
        return self._window

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in `text`."""
        return self._count(text)

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """Return the next recorded reply, which must be one to `request`; passes its whole text to `on_text` at once.

        Raises:
            ChatError: an error was recorded here; or the record ends here or has another request, because the program
                behaves differently now.
        """
        del cancelled
        if self._next >= len(self._answers):
            raise ChatError("The record has no further answer.", Fault.REFUSED)
        line = self._answers[self._next]
        self._next += 1
        if line["request"] != hash_request(request):
            raise ChatError(f"Request {self._next} differs from the recorded one.", Fault.REFUSED)
        if "error" in line:
            raise ChatError(line["error"], Fault(line["fault"]))
        reply = _read_reply(line["reply"])
        if on_text is not None and reply.text:
            on_text(reply.text)
        return reply

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def hash_request(request: ChatRequest) -> str:
    """Return a hash of a request, the same for equal requests in every process."""
    text = json.dumps(request, sort_keys=True, default=_convert_record)  # `asdict` would copy the schemas of all tools
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _convert_record(value: object) -> object:
    """Return a record as a dict of its fields, for `json`; any other value as a string."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    return str(value)


def _read_reply(line: dict[str, Any]) -> Reply:
    """Return the reply that `RunRecorder.record_reply` turned into the dict `line`."""
    calls = tuple(ToolCall(one["id"], one["name"], one["arguments"]) for one in line["calls"])
    return Reply(line["text"], ReplyEnd(line["end"]), calls, Usage(**line["usage"]), line["model"], line["cached"])
