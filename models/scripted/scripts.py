r"""Scripts in plain text: the answers of a scripted chat model, with delays and faults. Start at `Script.parse`.

    # a comment, before the first section
    === explain
    @times 1
    @status 429 retry-after=2
    === explain
    It adds two numbers.
    ===
    Said to everything else.

A section begins with `===` and words that have to occur in the conversation; without words it fits any conversation.
The first section that fits and is not used up gives the answer: the text below its `@` lines, which are `DIRECTIVES`. A
`\` at the start of a line, before `===` or `@`, makes the line a part of the answer.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from models.chat import ReplyEnd, ToolCall
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HEAD = "==="
FOREVER = 1_000_000_000


class ScriptError(ModelError):
    """A malformed script; the message names the line."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One section of a script: when it applies, and its answer.

    Attributes:
        words: text that has to occur in the conversation, in upper or lower case; "" fits any conversation.
        text: the answer.
        calls: tool calls of the answer.
        end: why the answer ends.
        times: how often the section may be used.
        status: HTTP status of an error instead of an answer; 0 for none.
        retry_after: the header `Retry-After` of that error; "" for none.
        first_token_s: seconds before the first token.
        token_s: seconds before each further token.
        break_after: number of tokens after which the connection breaks; None for never.
        trouble: "malformed" (no JSON), "wrong-form" (other JSON), "hang" (nothing comes, for ever), "" for none.
    """

    words: str
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    end: ReplyEnd = ReplyEnd.END
    times: int = FOREVER
    status: int = 0
    retry_after: str = ""
    first_token_s: float = 0.0
    token_s: float = 0.0
    break_after: int | None = None
    trouble: str = ""


def _parse_status(_: Turn, value: str) -> dict[str, Any]:
    """Return the fields of a `Turn` that `@status` with the argument `value` sets."""
    code, *after = value.split(" ", 1)
    return {"status": int(code), "retry_after": "".join(after).strip().removeprefix("retry-after=")}


def _parse_call(turn: Turn, value: str) -> dict[str, Any]:
    """Return the fields of `turn` that `@call` with the argument `value` sets: one more tool call.

    Raises:
        ValueError: `value` is not a name and a JSON object.
    """
    name, _, arguments = value.partition(" ")
    made = json.loads(arguments or "{}")
    if not name or not isinstance(made, dict):
        raise ValueError
    return {"calls": (*turn.calls, ToolCall(f"call_{len(turn.calls)}", name, made)), "end": ReplyEnd.TOOLS}


DIRECTIVES: Mapping[str, tuple[str, Callable[[Turn, str], dict[str, Any]]]] = {
    "times": ("a number of uses", lambda _, value: {"times": int(value)}),
    "status": ("an HTTP status, and `retry-after=SECONDS`", _parse_status),
    "slow-first-token": ("seconds", lambda _, value: {"first_token_s": float(value)}),
    "token-time": ("seconds", lambda _, value: {"token_s": float(value)}),
    "break-after": ("a number of tokens", lambda _, value: {"break_after": int(value)}),
    "malformed": ("nothing", lambda *_: {"trouble": "malformed"}),
    "wrong-form": ("nothing", lambda *_: {"trouble": "wrong-form"}),
    "hang": ("nothing", lambda *_: {"trouble": "hang"}),
    "end": ("end, length or filtered", lambda _, value: {"end": ReplyEnd(value)}),
    "call": ("a tool's name and its arguments as JSON", _parse_call),
}
"""Directives after an `@`, by name: a description of the argument, and a function that returns the fields to set."""


@dataclass
class Script:
    """The sections of a script, with a count of their uses. Thread-safe.

    Attributes:
        turns: the sections, in the order of the text.
    """

    turns: tuple[Turn, ...]
    _used: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def parse(cls, text: str) -> Script:
        """Parse the script in `text`.

        Raises:
            ScriptError: the script is malformed; the message names the line and what is allowed there.
        """
        return cls(tuple(_parse_turns(text.splitlines())))

    def take(self, conversation: str) -> Turn | None:
        """Return the first section that fits `conversation` and may still be used, and count its use; else None."""
        heard = conversation.lower()
        with self._lock:
            for place, turn in enumerate(self.turns):
                if self._used.get(place, 0) < turn.times and turn.words.lower() in heard:
                    self._used[place] = self._used.get(place, 0) + 1
                    return turn
        return None


def _parse_turns(lines: list[str]) -> Iterator[Turn]:
    """Yield the sections in the lines of a script.

    Raises:
        ScriptError: a line is malformed, or there is no section.
    """
    turn: Turn | None = None
    said: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.startswith(HEAD):
            if turn is not None:
                yield replace(turn, text="\n".join(said))
            turn, said = Turn(line.removeprefix(HEAD).strip()), []
        elif turn is None:
            if line.strip() and not line.startswith("#"):
                raise ScriptError(f"Line {number} of the script stands before the first section; begin one with ===.")
        elif line.startswith("@") and not said:
            turn = _apply_directive(turn, line, number)
        else:
            said.append(line[1:] if line.startswith(("\\" + HEAD, "\\@")) else line)
    if turn is None:
        raise ScriptError("The script has no section; begin one with ===.")
    yield replace(turn, text="\n".join(said))


def _apply_directive(turn: Turn, line: str, number: int) -> Turn:
    """Return `turn` with the fields that the directive in `line` sets; `number` is the line's.

    Raises:
        ScriptError: the directive is unknown, or its argument malformed.
    """
    name, _, value = line[1:].partition(" ")
    if name not in DIRECTIVES:
        raise ScriptError(f"Line {number} of the script: there is no @{name}; there are @{', @'.join(DIRECTIVES)}.")
    takes, change = DIRECTIVES[name]
    try:
        return replace(turn, **change(turn, value.strip()))
    except ValueError:
        raise ScriptError(f"Line {number} of the script: @{name} takes {takes}.") from None
