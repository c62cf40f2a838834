"""What a dialect is: how a request is written and how the events of an answer are read. Start at `Dialect`.

Knows no endpoint and no network: JSON out, JSON in.
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
    from models.remote.endpoint import Outgoing


LONGEST_NAME = 200  # characters of a model's
HIGH_HALVES = ("\ud800", "\udbff")  # of a character in two parts, which some endpoints send apart


class Announcer:
    """Hands text on as it comes. A second try is heard only where it goes on as the first one began."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._said = ""

    def hear(self, text: str) -> None:
        """`text` is the whole answer so far."""
        if len(text) > len(self._said) and text.startswith(self._said):
            new, self._said = text[len(self._said) :], text
            self._on_text(new)

    def forget(self) -> None:
        """What was told so far was no part of the answer, which begins now."""
        self._said = ""


class Draft:
    """An answer that is being put together; the base of every dialect's reader.

    Attributes:
        settled: whether the reason of the end has come: all that may follow is the bill and the end mark.
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
        self._half = ""
        self._calls: dict[int, list[str]] = {}  # by place: id, name, arguments as they come

    def named(self, name: object) -> None:
        """Who answers, by the endpoint's own word for it."""
        if name and isinstance(name, str):
            self.model = name[:LONGEST_NAME]

    def say(self, piece: str) -> None:
        """The answer goes on."""
        if not piece:
            return
        self.started = True
        piece, self._half = self._half + piece, ""
        if HIGH_HALVES[0] <= piece[-1] <= HIGH_HALVES[1]:
            piece, self._half = piece[:-1], piece[-1]
        unopened = self._thoughts.unopened
        shown = self._thoughts.take(_mended(piece))
        if self._thoughts.unopened > unopened:
            self.text = ""
            self._announcer.forget()
        self._add(shown)

    def begin_anew(self) -> None:
        """What was said so far is not the answer, which begins now."""
        self.text, self._half, self.started = "", "", True
        self._thoughts = ThoughtFilter()

    def call(self, place: int, *, identity: str = "", name: str = "", arguments: str = "") -> None:
        """A tool call begins or goes on."""
        self.started = True
        call = self._calls.setdefault(place, ["", "", ""])
        call[0] = call[0] or identity
        call[1] = call[1] or name
        call[2] += arguments

    def pass_over(self, *, lossy: bool) -> bool:
        """Hear of what is no event; return whether the answer counts all the same.

        An answer that came is not thrown away, but it ends where something of it may be missing.
        """
        if lossy and not self.settled and self.text.strip():
            self.end = ReplyEnd.LENGTH
            self.finish()
        return self.started if not lossy else self.ended or self.settled

    def close(self, *, broken: bool) -> None:
        """The stream is over; some servers send no end mark, and no reason.

        Args:
            broken: it was cut off, so that only an answer whose reason came is whole.
        """
        if not self.ended and (self.settled or (not broken and (self.text.strip() or self._calls))):
            self.finish()

    def finish(self) -> None:
        """This is all.

        Raises:
            ValueError: there is no text, and a call's arguments are no JSON object.
        """
        rest, self._half = _mended(self._half), ""
        self._add(self._thoughts.take(rest) + self._thoughts.finish())
        try:
            self.calls()
        except (ValueError, RecursionError):
            if not self.text.strip():
                raise
            self._calls.clear()  # what was said counts all the same
        self.ended = True

    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls.

        Raises:
            ValueError: the arguments of one are no JSON object, or it has no name.
        """
        made = []
        for place, (identity, name, arguments) in sorted(self._calls.items()):
            value = json.loads(arguments or "{}")
            if not isinstance(value, dict) or not name:
                raise ValueError("arguments are an object, and a call has a name")
            made.append(ToolCall(identity or f"call_{place}", name, value))
        return tuple(made)

    def reply(self, requests: int) -> Reply:
        """The answer as a record."""
        end = ReplyEnd.TOOLS if self._calls and self.end is ReplyEnd.END else self.end
        end = ReplyEnd.END if end is ReplyEnd.TOOLS and not self._calls else end
        return Reply(self.text, end, self.calls(), self.usage + Usage(requests=requests), self.model)

    def _add(self, shown: str) -> None:
        if shown:
            self.text += shown
            self._announcer.hear(self.text)


def _mended(text: str) -> str:
    """`text` with the two halves of a character put together, and half of one replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class DraftReader(Protocol):
    """A `Draft` that takes events (`models.remote.endpoint.Reader`)."""

    text: str
    usage: Usage
    started: bool
    ended: bool
    settled: bool

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        ...

    def pass_over(self, *, lossy: bool) -> bool:
        """Hear of what is no event."""
        ...

    def close(self, *, broken: bool) -> None:
        """The stream is over."""
        ...

    def reply(self, requests: int) -> Reply:
        """The answer as a record."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of endpoint speaks.

    Attributes:
        outgoing: from a request, the model's name, and those of `optional` to leave out, to what is sent.
        authorize: from the key ("" for none) to the headers that carry it.
        reader: makes a reader of one answer.
        optional: names in the body that can be left out, or written otherwise, for endpoints that refuse them.
        surplus: ends of a URL that people add and the paths of this dialect already begin with.
        with_window: adds the window that a request needs, in tokens; None where requests name none.
    """

    outgoing: Callable[[ChatRequest, str, Collection[str]], Outgoing]
    authorize: Callable[[str], Mapping[str, str]]
    reader: Callable[[Announcer], DraftReader]
    optional: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    with_window: Callable[[Outgoing, int], Outgoing] | None = None

    def base(self, url: str) -> str:
        """The URL that paths are put behind."""
        url = url.rstrip("/")
        return next((url.removesuffix(end) for end in self.surplus if url.endswith(end)), url)
