"""Text of a model on its way to a person: answers are inert Markdown, everything else is one visible line.

No viewer fetches, follows or runs anything in an answer; in a line nothing moves the cursor, is invisible or reverses
the order of letters. Start at `InertEvents` and `escape_to_line`.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from agents.markdown import InertFilter, make_inert
from agents.team.events import TextArrived, TurnEnded

if TYPE_CHECKING:
    from agents.team.events import Emit, Event

_SPACES = re.compile(r"\s+")


def escape_to_line(text: str) -> str:
    r"""Return `text` on one line, with each character that cannot be seen written as its number (`\u202e`)."""
    seen = (one if one.isprintable() or one.isspace() else _escape(one) for one in text)
    return _SPACES.sub(" ", "".join(seen)).strip()


def escape_invisible(text: str) -> str:
    r"""Return `text` with its lines, and each character that cannot be seen written as its number (`\u202e`)."""
    return "".join(one if one.isprintable() or one in "\n\t" else _escape(one) for one in text)


def escape_to_markdown(text: str) -> str:
    """Return `text`, which may have several lines, as inert Markdown in which every character can be seen."""
    return make_inert(escape_invisible(text))


def _escape(character: str) -> str:
    r"""Return the number of a character in Python's notation (`\u202e`)."""
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


class InertEvents:
    """Passes the events of one agent's turn on, with the text of each answer made inert; thread-safe.

    Does not pass on the end of the turn, with which the last answer is complete: the session tells it.

    Args:
        emit: takes the events.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._filter = InertFilter()
        self._agent = ""  # whose answer is not finished
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Pass a piece of an answer on, made inert; pass any other event on as it is, after the rest of the answer.

        Drops `TurnEnded`.
        """
        with self._lock:
            if isinstance(event, TextArrived):
                self._agent = event.agent
                self._show(event.agent, self._filter.feed(event.text))
                return
            if self._agent:
                self._show(self._agent, self._filter.finish())
                self._agent, self._filter = "", InertFilter()
        if not isinstance(event, TurnEnded):
            self._emit(event)

    def _show(self, agent: str, text: str) -> None:
        """Pass a piece of an agent's answer on, unless it is empty."""
        if text:
            self._emit(TextArrived(agent, text))
