"""Line endings and the last newline of a text stay as they are, whatever a model writes. Start at `kept`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import apply_edits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Edit

BREAK = re.compile(r"\r\n|\n|\r")
BREAKS = ("\n", "\r\n", "\r")


def style(text: str) -> str:
    """The line ending of most lines, "" where there is none."""
    counted = Counter(BREAK.findall(text))
    return max(BREAKS, key=lambda one: counted[one]) if counted else ""


def uniform(text: str) -> bool:
    """Whether all lines end alike."""
    return len(set(BREAK.findall(text))) <= 1


def kept(before: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """`edits` with the line endings of `before`, and with the last newline if that would be lost."""
    ending = style(before)
    if not ending:
        return tuple(edits)
    ours = [replace(edit, text=BREAK.sub(lambda _: ending, edit.text)) for edit in edits]
    after = apply_edits(before, tuple(ours))
    if before.endswith(BREAKS) and after and not after.endswith(BREAKS):
        ours[-1] = replace(ours[-1], text=ours[-1].text + ending)
    return tuple(ours)
