"""Candidates: what recall and the model offer for one place, each polished and with how sure it is; and the choice.

Never asks a model or the index. Start at `chosen`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.records import Origin, Suggestion, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agents.generator.cursor import Cursor
    from agents.generator.polish import Insertion

# Nobody is helped by being shown what takes one key.
_LEAST_CHARACTERS = 2
_CODE = re.compile(r"[^\s()\[\]{};,:.\"'`]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text for one place.

    Attributes:
        insertion: polished.
        origin: how it was made.
        confidence: estimated probability that its first line is right.
        model: name of the model that made or judged it, "" for none.
    """

    insertion: Insertion
    origin: Origin
    confidence: float
    model: str = ""


def merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first; of candidates with the same text the surest stays."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        text = candidate.insertion.text
        if text and (text not in best or best[text].confidence < candidate.confidence):
            best[text] = candidate
    return sorted(best.values(), key=lambda one: (bool(one.insertion.problem), -one.confidence))


def chosen(
    candidates: Iterable[Candidate],
    *,
    trigger: Trigger,
    threshold: float,
    limit: int,
    unwanted: Callable[[str], bool],
) -> tuple[list[Candidate], str]:
    """What to show, and why nothing if that is nothing.

    Args:
        candidates: in any order.
        trigger: typing gets one that is sure enough, a person who asks gets all.
        threshold: least confidence for typing.
        limit: most candidates for a person who asks.
        unwanted: whether a text was turned down at this place before.
    """
    ordered = merged(candidates)
    if not ordered:
        return [], "nothing"
    if trigger is Trigger.INVOKED:
        return ordered[: max(limit, 1)], ""
    fitting = [one for one in ordered if not one.insertion.problem and _is_worth_showing(one.insertion.text)]
    if not fitting:
        return [], ordered[0].insertion.problem or "trivial"
    sure = [one for one in fitting if one.confidence >= threshold]
    if not sure:
        return [], "unsure"
    wanted = [one for one in sure if not unwanted(one.insertion.text)]
    return (wanted[:1], "") if wanted else ([], "rejected")


def _is_worth_showing(text: str) -> bool:
    return len(text.strip()) >= _LEAST_CHARACTERS and bool(_CODE.search(text))


def suggestion(candidate: Candidate, cursor: Cursor, identity: str) -> Suggestion:
    """`candidate` as the record that leaves this folder."""
    return Suggestion(
        identity,
        candidate.insertion.text,
        cursor.offset,
        cursor.offset + candidate.insertion.end,
        candidate.origin,
        round(min(max(candidate.confidence, 0.0), 1.0), 4),
        candidate.model,
    )


def from_start(given: Suggestion, *, start: int, shift: int, selected: str) -> Suggestion:
    """A suggestion made behind a selected popup item, as one that begins with the item.

    Args:
        given: made for the text with the item in place.
        start: where the item begins in the document as it stands.
        shift: by how much the text with the item in place is longer.
        selected: the item's text.
    """
    return replace(given, text=selected + given.text, start=start, end=given.end - shift)
