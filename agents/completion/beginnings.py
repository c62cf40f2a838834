"""The beginning of a line that is likely right, where no whole line is likely enough.

Recalled lines may differ in their ends and have the same beginning, such as `if value is not None` of
`if value is not None:` and `if value is not None and other:`. The probability of a beginning is a logistic regression
on the lines that have it. Works on text alone. Start at `find_beginning`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from agents.completion import confidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.completion.cursor import Cursor
    from indexing.records import Recalled

_Line: TypeAlias = "tuple[list[str], Recalled, float]"  # its tokens, and its probability

LEAST_BEGINNING = 4  # characters; a shorter one is quicker to type than to accept
# A beginning counts if its lines have this sum of probabilities or more, or this share of the votes.
_LEAST_SUM, _LEAST_SHARE = 0.1, 0.5
# Fitted by `python -m tests.eval.fit_beginnings` on replayed typing in attrs, httpx, rich and tornado.
WEIGHTS = {
    "one": -0.2869,
    "logit": 0.4873,
    "sum": -3.3220,
    "votes": 0.5766,
    "share": 1.3441,
    "matched": 0.9214,
    "lines": 0.1094,
    "typed": 0.2762,
    "in_word": -0.4559,
    "characters": -0.6461,
    "words": -0.2427,
    "best": 2.5116,
    "same_file": 0.3821,
    "others": -3.3784,
    "after_dot": 0.0220,
}
_TOKEN = re.compile(r"\w+|\s+|.")
_ENDS = re.compile(r"[\w)\]}]\Z")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Beginning:
    """A beginning that recalled lines have in common.

    Attributes:
        text: the beginning; it ends with a whole word or a closing bracket, outside of strings.
        evidence: a number for each name of `WEIGHTS`, from which the probability is estimated.
    """

    text: str
    evidence: dict[str, float]

    @property
    def probability(self) -> float:
        """Estimated probability that the code at the cursor begins with the text."""
        total = sum(weight * self.evidence[name] for name, weight in WEIGHTS.items())
        return 1 / (1 + math.exp(-max(min(total, 30.0), -30.0)))


def find_beginning(recalled: Sequence[Recalled], cursor: Cursor, least: float) -> tuple[str, float] | None:
    """Return the longest beginning with a probability of `least` or more, and its probability; None without one."""
    likely = ((one.text, sure) for one in list_beginnings(recalled, cursor) if (sure := one.probability) >= least)
    return max(likely, key=lambda one: len(one[0]), default=None)


def list_beginnings(recalled: Sequence[Recalled], cursor: Cursor) -> Iterator[Beginning]:
    """Yield the beginnings of the first lines of `recalled` that have at least `LEAST_BEGINNING` characters.

    The whole text of a line is one only if another line continues it. Leaves out beginnings whose lines have both
    little probability and few votes.
    """
    lines = {one.text.partition("\n")[0].rstrip(): one for one in reversed(recalled)}
    everything = [
        (_TOKEN.findall(line), one, confidence.estimate_recalled(one)) for line, one in lines.items() if line.strip()
    ]
    votes = max(sum(one.votes for _, one, _ in everything), 1)
    probability = sum(sure for _, _, sure in everything)
    around = _describe_cursor(cursor) | {"one": 1.0, "lines": len(everything) / 16}
    waiting = [("", 0, everything)]
    while waiting:
        before, at, group = waiting.pop()
        for token, some in _divide(group, at).items():
            sums = sum(sure for _, _, sure in some)
            share = sum(one.votes for _, one, _ in some) / votes
            if sums < _LEAST_SUM and share < _LEAST_SHARE:
                continue
            text = before + token
            waiting.append((text, at + 1, some))
            is_line = len(some) == 1 and at == len(some[0][0]) - 1
            if not is_line and len(text.strip()) >= LEAST_BEGINNING and _can_end(text):
                own = {"share": share, "others": probability - sums} | _describe_lines(some, sums)
                yield Beginning(text, around | own | _describe_text(text))


def _divide(group: Sequence[_Line], at: int) -> dict[str, list[_Line]]:
    """Return the lines of `group` by their token number `at`; leaves out shorter ones."""
    parts: dict[str, list[_Line]] = {}
    for line in group:
        if at < len(line[0]):
            parts.setdefault(line[0][at], []).append(line)
    return parts


def _can_end(text: str) -> bool:
    """Return whether `text` ends with a word or a closing bracket, and has no string without its end."""
    return _ENDS.search(text) is not None and text.count('"') % 2 == text.count("'") % 2 == 0


def _describe_lines(lines: Sequence[_Line], sums: float) -> dict[str, float]:
    """Return the evidence from the lines that have a beginning, whose probabilities add up to `sums`."""
    return {
        "logit": confidence.logit(min(max(sums, 0.001), 0.999)),
        "sum": sums,
        "votes": math.log1p(sum(one.votes for _, one, _ in lines)),
        "matched": math.log1p(max(one.matched_tokens for _, one, _ in lines)),
        "best": max(sure for _, _, sure in lines),
        "same_file": float(any(one.same_file for _, one, _ in lines)),
    }


def _describe_text(text: str) -> dict[str, float]:
    """Return the evidence from a beginning's own text."""
    return {"characters": math.log(len(text.strip())), "words": float(len(_WORD.findall(text)))}


def _describe_cursor(cursor: Cursor) -> dict[str, float]:
    """Return the evidence from the code before the cursor."""
    word = cursor.word
    return {
        "typed": math.log1p(len(word)),
        "in_word": float(bool(word)),
        "after_dot": float(cursor.before[: len(cursor.before) - len(word)].endswith(".")),
    }
