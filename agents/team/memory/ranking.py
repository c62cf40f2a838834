"""The memories that fit a request: by shared words, weighted by how rare these are, and by age; within a budget.

The score is BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", formula 3.15) over the parts of
words and identifiers, plus a smaller part for recent memories. Start at `rank_memories`.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

from agents.ports.memory import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.ports.memory import Remembered

MOST_CONSIDERED = 1000
"""Memories among which the fitting ones are chosen, the last changed ones."""

BUDGET = 600
"""Tokens of the memories that a request brings along."""

HALF_LIFE_S = 14 * 24 * 3600.0
"""Seconds after which the part of the score for recent memories has halved."""

RECENT = 0.5
"""The part of the score for a memory of this moment; a shared word of medium rarity gives about 2."""

_K, _B = 1.2, 0.75
_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ORIGIN = re.compile(r"\[(?= ?said\b)", re.IGNORECASE)
"""The start of an origin in a text itself, which only we may name."""

_ENDINGS = ("ings", "ing", "ies", "ed", "es", "s")
_SHORTEST_STEM = 2


def rank_memories(
    memories: Sequence[Remembered], request: str, count_tokens: Callable[[str], int], *, budget: int = BUDGET,
    now: float | None = None,
) -> tuple[Remembered, ...]:  # fmt: skip
    """Return the memories that fit `request`, the best first, as many as fit into the budget.

    A memory without a word in common with the request is returned only if a person wrote it; for a request without
    words, all are. A memory that is too long for the rest of the budget is skipped.

    Args:
        memories: at most `MOST_CONSIDERED` of them are looked at.
        request: the words of the person, or the agent's question.
        count_tokens: returns the number of tokens of a text.
        budget: tokens of all lines that `describe_memory` makes of them.
        now: seconds since the epoch; None for the present time.
    """
    considered = memories[:MOST_CONSIDERED]
    present = time.time() if now is None else now
    wanted = set(split_words(request))
    held = [Counter(split_words(f"{one.key} {one.text}")) for one in considered]
    scores = _score(wanted, held)
    rated = [
        (score + RECENT * 0.5 ** (max(0.0, present - one.changed) / HALF_LIFE_S), one)
        for score, one in zip(scores, considered, strict=True)
        if score > 0 or not wanted or one.source is Source.PERSON
    ]
    rated.sort(key=lambda pair: (-pair[0], -pair[1].changed, pair[1].key))
    chosen = []
    for _, one in rated:
        cost = count_tokens(describe_memory(one))
        if cost <= budget:
            budget -= cost
            chosen.append(one)
    return tuple(chosen)


def describe_memory(memory: Remembered) -> str:
    """Return a memory as one line for a model, with its origin."""
    who = {
        Source.PERSON: "the person",
        Source.AGENT: memory.agent or "an agent",
        Source.FILE: f"the file {memory.origin}",
        Source.COMMAND: f"the output of {memory.origin}",
        Source.WEB: f"the page {memory.origin}",
    }[memory.source]
    parts = (f"{memory.key}: {memory.text}", who)
    said, source = (_ORIGIN.sub("(", " ".join(text.split())) for text in parts)
    return f"- {said} [said by {source}]"


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case, identifiers in their parts, English endings cut off."""
    return [_cut_ending(one.lower()) for part in _HUMP.sub(" ", text).split() for one in _WORD.findall(part)]


def _cut_ending(word: str) -> str:
    """Return a word without its plural or verb ending, if enough of it is left."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def _score(wanted: Iterable[str], held: Sequence[Counter[str]]) -> list[float]:
    """Return the BM25 score of each counted text for the wanted words; 0 where none is in it."""
    lengths = [sum(one.values()) for one in held]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    scores = [0.0] * len(held)
    for word in wanted:
        having = [number for number, one in enumerate(held) if word in one]
        rarity = math.log(1 + (len(held) - len(having) + 0.5) / (len(having) + 0.5))
        for number in having:
            count = held[number][word]
            scores[number] += rarity * count * (_K + 1) / (count + _K * (1 - _B + _B * lengths[number] / mean))
    return scores
