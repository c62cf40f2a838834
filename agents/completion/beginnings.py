"""The beginning that the likely lines at a cursor have in common, where none of them is likely enough alone.

`if value is not None:` and `if value is not None and other:` may be equally likely; `if value is not None` is then the
suggestion. Works on text alone. Start at `find_beginning`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_BEGINNING = 4  # characters; a shorter one is quicker to type than to accept
_TOKEN = re.compile(r"\w+|\s+|.")
_ENDS = re.compile(r"[\w)\]}]\Z")


def find_beginning(lines: Iterable[tuple[str, float]], threshold: float) -> tuple[str, float] | None:
    """Return the longest common beginning of some of `lines` with a probability of `threshold` or more, and that.

    Its probability is the sum of those of its lines. It ends with a whole word or a closing bracket outside of strings,
    is shorter than each of its lines or equal to one of several, and has at least `LEAST_BEGINNING` characters. None
    without one.

    Args:
        lines: different lines that may be right at the cursor, each with its probability.
        threshold: least probability, above 0.5, so that at most one of two different beginnings reaches it.
    """
    group = [(_TOKEN.findall(line), probability) for line, probability in lines]
    best, at, text = None, 0, ""
    while len(group) > 1 or (group and at == 0):
        sums: dict[str, float] = {}
        for tokens, probability in group:
            if at < len(tokens):
                sums[tokens[at]] = sums.get(tokens[at], 0.0) + probability
        token = max(sums, key=lambda one: sums[one], default=None)
        if token is None or sums[token] < threshold:
            break
        group = [one for one in group if at < len(one[0]) and one[0][at] == token]
        text += token
        at += 1
        if len(group) > 1 and len(text.strip()) >= LEAST_BEGINNING and _can_end(text):
            best = text, min(sums[token], 1.0)
    return best


def _can_end(text: str) -> bool:
    """Return whether `text` ends with a word or a closing bracket, and has no string without its end."""
    return _ENDS.search(text) is not None and text.count('"') % 2 == text.count("'") % 2 == 0
