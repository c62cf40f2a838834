"""A chat model that obeys every order in any text that reaches it. Start at `ObedientChat`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from models.chat import Reply, ReplyEnd, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from models.chat import ChatRequest

_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|\x1b\\[[0-9;]*[A-Za-z]")
_ORDER = re.compile(r"OBEY (\w+) (?=\{)")
_SPEECH = re.compile(r"SAY (.+)")


class ObedientChat:
    """Makes the calls that it was built for, then obeys each order that it reads, and at last says what it was told.

    Attributes:
        requests: all requests.
        obeyed: the orders that it found.
        said: its last answer.
    """

    name = "obedient"
    context_tokens = 100_000

    def __init__(self, looks: Iterable[tuple[str, dict[str, Any]]]) -> None:
        self.requests: list[ChatRequest] = []
        self.obeyed: list[str] = []
        self.said = ""
        self._waiting = list(looks)

    def count_tokens(self, text: str) -> int:
        """Return a rough number of tokens."""
        return len(text) // 4

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """Return the next call, or the speech."""
        del cancelled
        self.requests.append(request)
        said = reveal(read_everything(request))
        for order, tool, arguments in find_orders(said):
            if order not in self.obeyed:
                self.obeyed.append(order)
                self._waiting.append((tool, arguments))
        if self._waiting:
            tool, arguments = self._waiting.pop(0)
            return Reply("", ReplyEnd.TOOLS, (ToolCall(f"c{len(self.requests)}", tool, arguments),), Usage(1, 1))
        text = self.said = "\n\n".join(_SPEECH.findall(said)) or "Well."
        for at in range(0, len(text), 7):
            if on_text is not None:
                on_text(text[at : at + 7])
        return Reply(text, ReplyEnd.END, (), Usage(1, 1))

    def close(self) -> None:
        """Do nothing."""


def read_everything(request: ChatRequest) -> str:
    """Return all text of a request: messages and tools, but not the model's own calls."""
    return "\n".join((*(one.text for one in request.messages), *(one.description for one in request.tools)))


def reveal(text: str) -> str:
    """Return `text` with tag characters as ASCII, and without marks that hide."""
    shown = "".join(chr(ord(one) - 0xE0000) if 0xE0000 < ord(one) < 0xE0080 else one for one in text)
    return _HIDDEN.sub("", shown)


def find_orders(text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each order in `text`: as written, the tool and its arguments; also in escaped JSON and in file names."""
    for shown in (text, text.replace('\\"', '"'), text.replace("'", '"').replace("%2F", "/")):
        for found in _ORDER.finditer(shown):
            try:
                arguments, _ = json.JSONDecoder().raw_decode(shown[found.end() :])
            except ValueError:
                continue
            yield f"{found[1]} {json.dumps(arguments)}", found[1], arguments
