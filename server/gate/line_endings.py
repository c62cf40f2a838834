"""Line endings: replaces those of edits by the line endings of the text that they change. Start at `adapt_edits`."""

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


def find_most_common(text: str) -> str:
    """Return the most common line ending of `text`, "" if it has none."""
    counted = Counter(BREAK.findall(text))
    return max(BREAKS, key=lambda one: counted[one]) if counted else ""


def are_uniform(text: str) -> bool:
    """Return whether all line endings of `text` are the same; True if it has none."""
    return len(set(BREAK.findall(text))) <= 1


def adapt_edits(before: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return `edits` to `before` with the most common line ending of `before`; unchanged if `before` has none.

    Adds a line ending to the last edit if the edited text would otherwise lose the one at the end of `before`.
    """
    ending = find_most_common(before)
    if not ending:
        return tuple(edits)
    adapted = [replace(edit, text=BREAK.sub(lambda _: ending, edit.text)) for edit in edits]
    after = apply_edits(before, tuple(adapted))
    if before.endswith(BREAKS) and after and not after.endswith(BREAKS):
        adapted[-1] = replace(adapted[-1], text=adapted[-1].text + ending)
    return tuple(adapted)
