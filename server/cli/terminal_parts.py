"""The choice of a proposal's parts on the terminal, one after the other as in `git add -p`. Start at `choose_parts`."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from server.cli import terminal
from server.gate.ports import Answer, TakenParts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from server.gate.hunks import Hunk

KEYS = "y,n,a,d,q,?"
HELP = """y - take this part
n - leave this part out
a - take this part and all later parts of the file
d - leave out this part and all later parts of the file
q - leave out this part and all later parts
? - show this help
"""


async def choose_parts(
    hunks: Sequence[Hunk], show: Callable[[str], None], read_line: Callable[[], Awaitable[str]]
) -> TakenParts | Answer:
    """Show each of `hunks` and ask whether to take it; return the taken parts, or REJECT at the end of the input.

    Args:
        hunks: the parts.
        show: writes a piece of a diff to the terminal.
        read_line: waits for the next line and returns it with its line end; "" at the end of the input.
    """
    taken: set[str] = set()
    number = 0
    for _, found in groupby(hunks, key=lambda one: one.change):
        own = list(found)
        for index, hunk in enumerate(own):
            number += 1
            show(format_hunk(hunk))
            key = await _ask(f"({number}/{len(hunks)}) Take this part [{KEYS}]? ", read_line)
            if key == "":
                return Answer.REJECT
            taken |= {one.id for one in {"y": own[index : index + 1], "a": own[index:]}.get(key, [])}
            if key == "q":
                return _conclude(taken)
            if key in {"a", "d"}:
                number += len(own) - index - 1
                break
    return _conclude(taken)


def format_hunk(hunk: Hunk) -> str:
    """Return `hunk` as a piece of a diff that begins with the name of its file."""
    return "\n".join(filter(None, (hunk.file, hunk.header, *hunk.lines)))


async def _ask(prompt: str, read_line: Callable[[], Awaitable[str]]) -> str:
    """Ask until one of the keys is entered, and return it; "" at the end of the input. `?` shows the help."""
    while True:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = await read_line()
        key = line.strip().lower()
        if not line or key in {"y", "n", "a", "d", "q"}:
            return key
        sys.stderr.write(HELP)


def _conclude(taken: set[str]) -> TakenParts:
    """Return the parts that are taken; if there are none, write to stderr that this is a rejection."""
    if not taken:
        terminal.note("no part is taken, so the change is rejected.")
    return TakenParts(frozenset(taken))
