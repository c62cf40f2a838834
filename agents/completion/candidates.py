"""Candidates: what recall and the model offer for one place, each polished and with how sure it is; and the choice.

Never asks a model or the index. Start at `choose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from agents.suggestions import Origin, Suggestion, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agents.completion.cursor import Cursor
    from agents.completion.polish import Insertion

# Beside a large model a best candidate that is less sure is noise, for a person who asks too. Without one it may be all
# that is known: in a new workspace recall is right with a figure of 0.04.
NOISE = 0.08
# Nobody is helped by being shown what takes one key.
_LEAST_CHARACTERS = 2
_CODE = re.compile(r"[^\s()\[\]{};,:.\"'`]")


class Rank(IntEnum):
    """Order of candidates that counts before confidence, which says little about a large model's long lines.

    At 40 places of packages that the model could not know, what recall was surer of than 0.8 was right where the model
    disagreed (3 of 3, and 1 of 5 between 0.3 and 0.8); behind that the model's own line was the best. What the small
    model alone was so sure of was wrong there, with two large models at two places.
    """

    SURE = 0  # known to recall, and sure
    WRITTEN = 1  # by a large model
    USUAL = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """One text for one place.

    Attributes:
        insertion: polished.
        origin: how it was made.
        confidence: estimated probability that its first line is right.
        model: name of the model that made or judged it, "" for none.
        rank: what it comes before.
    """

    insertion: Insertion
    origin: Origin
    confidence: float
    model: str = ""
    rank: Rank = Rank.USUAL


def merge(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort candidates by rank, then by confidence; of those with the same text keep the surest, at the best rank."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        text = candidate.insertion.text
        other = best.get(text)
        if not text or other is None:
            best[text] = candidate
        else:
            surer = max(other, candidate, key=lambda one: one.confidence)
            best[text] = replace(surer, rank=min(other.rank, candidate.rank))
    best.pop("", None)
    return sorted(best.values(), key=lambda one: (one.rank, -one.confidence))


@dataclass(frozen=True, slots=True)
class Choice:
    """Parameters of the choice of suggestions.

    Attributes:
        trigger: typing gets one that is sure enough; a person who asks gets all but noise.
        threshold: least confidence for typing.
        limit: most candidates for a person who asks.
        is_rejected: whether a text was turned down at this place before.
        breaks: whether a text makes new syntax errors; asked only of what would be shown, as it takes a parse.
        strict: what breaks is not shown to a person who asks either.
        noise: least confidence of the best one for a person who asks.
    """

    trigger: Trigger
    threshold: float
    limit: int
    is_rejected: Callable[[str], bool]
    breaks: Callable[[Insertion], bool]
    strict: bool = False
    noise: float = 0.0


def choose(candidates: Iterable[Candidate], choice: Choice) -> tuple[list[Candidate], str]:
    """Return the suggestions to show, best first, and the reason if there are none."""
    ordered = merge(candidates)
    if not ordered:
        return [], "nothing"
    if choice.trigger is Trigger.INVOKED:
        if ordered[0].confidence < choice.noise and ordered[0].rank is not Rank.WRITTEN:
            return [], "noise"
        whole = [one for one in ordered if not choice.breaks(one.insertion)]
        broken = [] if choice.strict else [one for one in ordered if one not in whole]
        return (found := [*whole, *broken][: max(choice.limit, 1)]), "" if found else "errors"
    fitting = [one for one in ordered if is_worth_showing(one.insertion.text)]
    why = "unsure" if fitting else "trivial"
    for one in fitting:
        if one.confidence < choice.threshold:
            continue
        if choice.is_rejected(one.insertion.text):
            why = "rejected"
        elif choice.breaks(one.insertion):
            why = "errors"
        else:
            return [one], ""
    return [], why


def is_worth_showing(text: str) -> bool:
    """Whether a text saves more than one key and says something."""
    return len(text.strip()) >= _LEAST_CHARACTERS and bool(_CODE.search(text))


def build_suggestion(candidate: Candidate, cursor: Cursor, identity: str) -> Suggestion:
    """Return `candidate` as the record that leaves this folder."""
    return Suggestion(
        identity,
        candidate.insertion.text,
        cursor.offset,
        cursor.offset + candidate.insertion.end,
        candidate.origin,
        round(min(max(candidate.confidence, 0.0), 1.0), 4),
        candidate.model,
    )


def prepend_text(given: Suggestion, *, start: int, shift: int, selected: str) -> Suggestion:
    """Return a suggestion made after a selected popup item as one that begins with the item.

    Args:
        given: made for the text with the item in place.
        start: where the item begins in the document as it stands.
        shift: by how much the text with the item in place is longer.
        selected: the item's text.
    """
    return replace(given, text=selected + given.text, start=start, end=given.end - shift)
