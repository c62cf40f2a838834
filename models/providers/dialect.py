"""What a dialect is: how a request is written and how the events of an answer are read. Start at `Dialect`.

Knows no endpoint and no network: JSON out, JSON in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.chat import Reply, ReplyEnd, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from models.chat import ChatRequest
    from models.endpoint import Outgoing


MOST_TOKENS = 1_000_000_000  # on one bill; no model reads so many
LONGEST_NAME = 200  # characters of a model's


def count_of(figure: object) -> int:
    """A number of tokens as an endpoint tells it, inside what can be.

    Raises:
        TypeError, ValueError, OverflowError: it is no number.
    """
    return min(max(int(figure or 0), 0), MOST_TOKENS)  # type: ignore[call-overload,no-any-return]


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


class Draft:
    """An answer that is being put together; the base of every dialect's reader."""

    def __init__(self, announcer: Announcer) -> None:
        self.text = ""
        self.end = ReplyEnd.END
        self.usage = Usage()
        self.model = ""
        self.started = False
        self.ended = False
        self._announcer = announcer
        self._calls: dict[int, list[str]] = {}  # by place: id, name, arguments as they come

    def named(self, name: object) -> None:
        """Who answers, by the endpoint's own word for it."""
        if name and isinstance(name, str):
            self.model = name[:LONGEST_NAME]

    def say(self, piece: str) -> None:
        """The answer goes on."""
        if piece:
            self.started = True
            self.text += piece
            self._announcer.hear(self.text)

    def call(self, place: int, *, identity: str = "", name: str = "", arguments: str = "") -> None:
        """A tool call begins or goes on."""
        self.started = True
        call = self._calls.setdefault(place, ["", "", ""])
        call[0] = call[0] or identity
        call[1] = call[1] or name
        call[2] += arguments

    def close(self) -> None:
        """The stream is over; nothing to add where the dialect has an end mark that must come."""

    def finish(self) -> None:
        """This is all.

        Raises:
            ValueError: a call's arguments are no JSON object.
        """
        self.calls()
        self.ended = True

    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls.

        Raises:
            ValueError: the arguments of one are no JSON object.
        """
        made = []
        for place, (identity, name, arguments) in sorted(self._calls.items()):
            value = json.loads(arguments or "{}")
            if not isinstance(value, dict):
                raise ValueError("arguments are an object")  # noqa: TRY004 (what came is wrong, not who called)
            made.append(ToolCall(identity or f"call_{place}", name, value))
        return tuple(made)

    def reply(self, requests: int) -> Reply:
        """The answer as a record."""
        end = ReplyEnd.TOOLS if self._calls and self.end is ReplyEnd.END else self.end
        return Reply(self.text, end, self.calls(), self.usage + Usage(requests=requests), self.model)


class DraftReader(Protocol):
    """A `Draft` that takes events (`models.endpoint.Reader`)."""

    text: str
    usage: Usage
    started: bool
    ended: bool

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
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
    """

    outgoing: Callable[[ChatRequest, str, Collection[str]], Outgoing]
    authorize: Callable[[str], Mapping[str, str]]
    reader: Callable[[Announcer], DraftReader]
    optional: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()

    def base(self, url: str) -> str:
        """The URL that paths are put behind."""
        url = url.rstrip("/")
        return next((url.removesuffix(end) for end in self.surplus if url.endswith(end)), url)
