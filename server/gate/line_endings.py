"""Line endings: edits get those of the text they change, whatever a model wrote. Start at `adapt_edits`."""

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
    """Return the most common line ending of `text`, "" for a text of one line."""
    counted = Counter(BREAK.findall(text))
    return max(BREAKS, key=lambda one: counted[one]) if counted else ""


def are_uniform(text: str) -> bool:
    """Whether all lines of `text` have the same ending."""
    return len(set(BREAK.findall(text))) <= 1


def adapt_edits(before: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return `edits` with the most common line ending of `before`.

    The last edit gets a newline at its end if the edited text would otherwise lose the last newline of `before`.
    """
    ending = find_most_common(before)
    if not ending:
        return tuple(edits)
    adapted = [replace(edit, text=BREAK.sub(lambda _: ending, edit.text)) for edit in edits]
    after = apply_edits(before, tuple(adapted))
    if before.endswith(BREAKS) and after and not after.endswith(BREAKS):
        adapted[-1] = replace(adapted[-1], text=adapted[-1].text + ending)
    return tuple(adapted)
