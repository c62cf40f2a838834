"""The interface of a chat dialect: functions that write a request, and the base of readers that read an answer.

Knows no endpoint and no network: JSON in, JSON out. Start at `Dialect`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import Reply, ReplyEnd, ToolCall, Usage
from models.remote.providers.thoughts import ThoughtFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from models.chat import ChatRequest
    from models.remote.exchange import Outgoing


LONGEST_NAME = 200  # characters of a model's name
HIGH_SURROGATES = ("\ud800", "\udbff")  # first and last; some endpoints split a pair over two events


class Announcer:
    """Passes on the new text of a growing answer.

    If an answer breaks off and is generated again, only text beyond the text passed on before is passed on, and only if
    the new answer begins with that text.
    """

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._passed_on = ""

    def update(self, text: str) -> None:
        """Pass on what `text`, the whole answer so far, adds to the text passed on; nothing if it begins otherwise."""
        if len(text) > len(self._passed_on) and text.startswith(self._passed_on):
            new, self._passed_on = text[len(self._passed_on) :], text
            self._on_text(new)

    def reset(self) -> None:
        """Forget the text passed on, which was not part of the answer; the next update passes on the whole text."""
        self._passed_on = ""


class Draft:
    """An answer under construction; the base of every dialect's reader.

    Attributes:
        text: the answer so far.
        end: why the answer ended.
        usage: tokens as the endpoint counted them.
        model: the endpoint's own name for the model.
        started: whether some part of the answer has arrived.
        ended: whether the answer is complete.
        settled: whether the reason of the end has arrived: only usage and end mark may follow.
    """

    def __init__(self, announcer: Announcer) -> None:
        self.text = ""
        self.end = ReplyEnd.END
        self.usage = Usage()
        self.model = ""
        self.started = False
        self.ended = False
        self.settled = False
        self._announcer = announcer
        self._thoughts = ThoughtFilter()
        self._surrogate = ""
        self._calls: dict[int, list[str]] = {}  # by place: id, name, arguments so far

    def set_model(self, name: object) -> None:
        """Store the endpoint's own name for the model that answers, if `name` is a text."""
        if name and isinstance(name, str):
            self.model = name[:LONGEST_NAME]

    def add_text(self, piece: str) -> None:
        """Append `piece` to the answer and pass on its text, without thoughts between tags.

        After a closing tag without an opening one, the text so far is discarded: it was a thought.
        """
        if not piece:
            return
        self.started = True
        piece, self._surrogate = self._surrogate + piece, ""
        if HIGH_SURROGATES[0] <= piece[-1] <= HIGH_SURROGATES[1]:
            piece, self._surrogate = piece[:-1], piece[-1]
        unopened = self._thoughts.unopened
        shown = self._thoughts.take(_join_surrogates(piece))
        if self._thoughts.unopened > unopened:
            self.text = ""
            self._announcer.reset()
        self._add_shown(shown)

    def restart_text(self) -> None:
        """Discard the text so far, which was not the answer; the answer begins now.

        It is not passed on if discarded text was passed on before: `Announcer` cannot take that back.
        """
        self.text, self._surrogate, self.started = "", "", True
        self._thoughts = ThoughtFilter()

    def add_call(self, place: int, *, identity: str = "", name: str = "", arguments: str = "") -> None:
        """Add to the tool call at `place`, or begin it; `arguments` is the next fragment of its JSON."""
        self.started = True
        call = self._calls.setdefault(place, ["", "", ""])
        call[0] = call[0] or identity
        call[1] = call[1] or name
        call[2] += arguments

    def skip_junk(self, *, lossy: bool) -> bool:
        """Skip input that is no event; return whether the answer is still usable.

        An answer with text stays usable, but ends here if a part of it may be missing. Before an answer has begun, junk
        makes it unusable.

        Args:
            lossy: whether a part of the answer may have been in the junk.
        """
        if lossy and not self.settled and self.text.strip():
            self.end = ReplyEnd.LENGTH
            self.finish()
        return self.started if not lossy else self.ended or self.settled

    def close(self, *, broken: bool) -> None:
        """Complete the answer at the end of the stream, for servers that send no end mark.

        Args:
            broken: whether the stream was cut off; then only an answer whose finish reason has arrived is complete.

        Raises:
            ValueError: as for `finish`.
        """
        if not self.ended and (self.settled or (not broken and (self.text.strip() or self._calls))):
            self.finish()

    def finish(self) -> None:
        """Complete the answer: pass on the rest of its text and check its tool calls.

        Malformed tool calls are dropped if there is text.

        Raises:
            ValueError: there is no text, and a tool call is malformed.
        """
        rest, self._surrogate = _join_surrogates(self._surrogate), ""
        self._add_shown(self._thoughts.take(rest) + self._thoughts.finish())
        try:
            self.parse_calls()
        except (ValueError, RecursionError):
            if not self.text.strip():
                raise
            self._calls.clear()  # the text alone is an answer
        self.ended = True

    def parse_calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls.

        Raises:
            ValueError: a call has no name, or its arguments are not a JSON object.
        """
        calls = []
        for place, (identity, name, arguments) in sorted(self._calls.items()):
            value = json.loads(arguments or "{}")
            if not isinstance(value, dict) or not name:
                raise ValueError("arguments are an object, and a call has a name")
            calls.append(ToolCall(identity or f"call_{place}", name, value))
        return tuple(calls)

    def make_reply(self, requests: int) -> Reply:
        """Return the answer as a record; `requests` is the number of requests that it took."""
        end = ReplyEnd.TOOLS if self._calls and self.end is ReplyEnd.END else self.end
        end = ReplyEnd.END if end is ReplyEnd.TOOLS and not self._calls else end
        return Reply(self.text, end, self.parse_calls(), self.usage + Usage(requests=requests), self.model)

    def _add_shown(self, shown: str) -> None:
        """Append text without thoughts to the answer, and pass it on."""
        if shown:
            self.text += shown
            self._announcer.update(self.text)


def _join_surrogates(text: str) -> str:
    """Return `text` with each pair of surrogates joined to one character, and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class DraftReader(Protocol):
    """A `Draft` that reads events; see `models.remote.exchange.Reader`."""

    text: str
    usage: Usage
    started: bool
    ended: bool
    settled: bool

    def feed(self, event: Mapping[str, Any]) -> None:
        """Read one event."""
        ...

    def skip_junk(self, *, lossy: bool) -> bool:
        """Skip input that is no event; return whether the answer is still usable."""
        ...

    def close(self, *, broken: bool) -> None:
        """Mark the end of the stream."""
        ...

    def make_reply(self, requests: int) -> Reply:
        """Return the answer as a record; `requests` is the number of requests that it took."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """The form of requests to one kind of chat endpoint and of its answers.

    Attributes:
        write_request: returns the HTTP request for a ChatRequest, the model's name, and the optional fields to omit.
        make_auth_headers: returns the headers that carry the key ("" for none).
        make_reader: returns a reader of one answer.
        optional: names of fields that can be omitted, or written otherwise, for endpoints that refuse them.
        surplus: suffixes that people append to the URL, although the paths of this dialect begin with them.
        add_window: returns the request with a context window in tokens; None if requests of this dialect have none.
    """

    write_request: Callable[[ChatRequest, str, Collection[str]], Outgoing]
    make_auth_headers: Callable[[str], Mapping[str, str]]
    make_reader: Callable[[Announcer], DraftReader]
    optional: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    add_window: Callable[[Outgoing, int], Outgoing] | None = None

    def strip_url(self, url: str) -> str:
        """Return `url` without a slash or surplus suffix at its end, so that a path can be appended."""
        url = url.rstrip("/")
        return next((url.removesuffix(end) for end in self.surplus if url.endswith(end)), url)
