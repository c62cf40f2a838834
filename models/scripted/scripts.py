r"""Scripts in plain text: what a scripted chat model says, and what goes wrong while it does. Start at `Script.parse`.

    # a comment, before the first section
    === explain
    @times 1
    @status 429 retry-after=2
    === explain
    It adds two numbers.
    ===
    Said to everything else.

A section begins with `===` and words that have to occur in the conversation (none: any conversation). The first section
that fits and is not used up answers. `@` lines under its head say how (`DIRECTIVES`); the rest is the answer. A `\`
before `===` or `@` at the start of a line makes it part of the answer.
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
        words: what has to occur in the conversation, in any case; "" fits all.
        text: the answer.
        calls: tools it asks for.
        end: why the answer ends.
        times: how often the section may be used.
        status: HTTP status instead of an answer; 0 for none.
        retry_after: what that status says of when to come again; "" for nothing.
        first_token_s: wait before the first token, seconds.
        token_s: wait before each further token, seconds.
        break_after: the connection breaks after so many tokens; None for never.
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
    """Parse the argument of `@status`."""
    code, *after = value.split(" ", 1)
    return {"status": int(code), "retry_after": "".join(after).strip().removeprefix("retry-after=")}


def _parse_call(turn: Turn, value: str) -> dict[str, Any]:
    """Parse the argument of `@call`."""
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
"""Directives that may follow an `@`: a description of the argument, and the function that parses it."""


@dataclass
class Script:
    """The sections of a script, and how often each was used. Thread-safe.

    Attributes:
        turns: in the order of the text.
    """

    turns: tuple[Turn, ...]
    _used: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def parse(cls, text: str) -> Script:
        """Parse a script.

        Raises:
            ScriptError: it is malformed; the message names the line and what is allowed there.
        """
        return cls(tuple(_parse_turns(text.splitlines())))

    def take(self, conversation: str) -> Turn | None:
        """Return the section that answers `conversation` and count its use; None if no section matches."""
        heard = conversation.lower()
        with self._lock:
            for place, turn in enumerate(self.turns):
                if self._used.get(place, 0) < turn.times and turn.words.lower() in heard:
                    self._used[place] = self._used.get(place, 0) + 1
                    return turn
        return None


def _parse_turns(lines: list[str]) -> Iterator[Turn]:
    """Yield the sections of a script."""
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
    """Return `turn` changed by the directive in `line`."""
    name, _, value = line[1:].partition(" ")
    if name not in DIRECTIVES:
        raise ScriptError(f"Line {number} of the script: there is no @{name}; there are @{', @'.join(DIRECTIVES)}.")
    takes, change = DIRECTIVES[name]
    try:
        return replace(turn, **change(turn, value.strip()))
    except ValueError:
        raise ScriptError(f"Line {number} of the script: @{name} takes {takes}.") from None
