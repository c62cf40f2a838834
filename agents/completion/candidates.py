"""Candidates of recall and of the models for one place, each with its confidence, and the choice between them.

Never asks a model or the index. Start at `choose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from agents.completion.beginnings import compute_gain
from agents.suggestions import Origin, Suggestion, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agents.completion.cursor import Cursor
    from agents.completion.polish import Insertion

# With a large model, even a person who asks sees nothing if the best candidate's confidence is below this. With a small
# one such a candidate may be the only one: in a new workspace, recall is right with a confidence of 0.04.
NOISE = 0.08
# A suggestion of one character saves no key.
_LEAST_CHARACTERS = 2
# A large model's own line is shown from the threshold on. Odds of other texts have to be so many times those of the
# threshold, because a shorter beginning of the line, which is likelier, is shown instead: at 173 spans of the dev
# packages, recall then completed 0.338 of the characters with 3.1 wrong suggestions in 100 keys, and 0.384 with 6.1 at
# 0.65 instead of 0.75. A small model's estimates are a little too high, and its texts more often wrong in packages that
# its filter was not fitted on.
_ODDS, _SMALL_MODEL_ODDS = 2.0, 3.6
_CODE = re.compile(r"[^\s()\[\]{};,:.\"'`]")


class Rank(IntEnum):
    """Rank of a candidate; a lower rank comes first, and confidence decides within a rank.

    Confidence alone says little about a large model's long lines. At 40 places of packages that the model could not
    know, recalled text with a confidence above 0.8 was right where the model disagreed (3 of 3, and 1 of 5 between 0.3
    and 0.8); otherwise the model's own line was the best. Text that only the small model wrote with such a confidence
    was wrong, with two large models at two places.
    """

    SURE = 0  # recalled with a high confidence
    WRITTEN = 1  # written by a large model
    USUAL = 2
    LAST = 3  # the beginning of an argument, for a person who asks


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may become a suggestion.

    Attributes:
        insertion: the polished text.
        origin: whether recall or a model made the text, or a model scored recalled text.
        confidence: estimated probability that its first line is right.
        model: name of the model that wrote or scored it, "" for none.
        rank: its place in the order of candidates, which counts before confidence.
        is_line: whether the line ends with the text; otherwise it goes on.
    """

    insertion: Insertion
    origin: Origin
    confidence: float
    model: str = ""
    rank: Rank = Rank.USUAL
    is_line: bool = True


def merge(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return the candidates by rank, then by descending confidence, without empty and duplicate texts.

    Of duplicates, the one with the highest confidence is kept, with the best rank of all.
    """
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
        trigger: while a person types, at most one candidate is chosen; a person who asks gets several.
        threshold: least confidence of a suggestion while a person types.
        limit: the most suggestions for a person who asks.
        is_rejected: returns whether a person has rejected the text at this place.
        breaks: returns whether the text makes new syntax errors; it parses, so it is called as late as possible.
        find_repetition: returns in one word what kind of code the text would repeat, "" for nothing; it searches the
            code around the cursor, so it is called late, too.
        has_unknown_name: returns whether the text has a name that nothing in the document defines.
        strict: a person who asks does not get texts that break the syntax either.
        noise: a person who asks gets nothing if the best candidate's confidence is below this, unless a large model
            wrote that candidate.
    """

    trigger: Trigger
    threshold: float
    limit: int
    is_rejected: Callable[[str], bool]
    breaks: Callable[[Insertion], bool]
    find_repetition: Callable[[Insertion], str]
    has_unknown_name: Callable[[Insertion], bool]
    strict: bool = False
    noise: float = 0.0


def choose(candidates: Iterable[Candidate], choice: Choice) -> tuple[list[Candidate], str]:
    """Return the candidates to show, best first, and "" or, if there are none, the reason in one word.

    While a person types, the result is at most one candidate, the one with the greatest gain of the best rank: sure
    enough (`compute_least_confidence`), not trivial, not rejected before, without repetitions and without new syntax
    errors; one with unknown names only if there is no other. The syntax of a beginning is not checked, because the line
    goes on. A person who asks gets up to `choice.limit` candidates, those with syntax errors last, or left out if
    `choice.strict`; but none at all if the best candidate's confidence is below `choice.noise` and no large model wrote
    that candidate.
    """
    ordered = merge(candidates)
    if not ordered:
        return [], "nothing"
    if choice.trigger is Trigger.INVOKED:
        if ordered[0].confidence < choice.noise and ordered[0].rank is not Rank.WRITTEN:
            return [], "noise"
        whole = [one for one in ordered if not choice.breaks(one.insertion)]
        broken = [] if choice.strict else [one for one in ordered if one not in whole]
        return (found := [*whole, *broken][: max(choice.limit, 1)]), "" if found else "errors"
    fitting = [one for one in ordered if is_nontrivial(one.insertion.text)]
    why = "unsure" if fitting else "trivial"
    second = None
    for one in _list_sure(fitting, choice.threshold):
        if choice.is_rejected(one.insertion.text):
            why = "rejected"
        elif repeated := choice.find_repetition(one.insertion):
            why = repeated
        elif one.is_line and choice.breaks(one.insertion):
            why = "errors"
        elif not choice.has_unknown_name(one.insertion):
            return [one], ""
        else:
            second = second or one
    return ([], why) if second is None else ([second], "")


def _list_sure(candidates: Iterable[Candidate], threshold: float) -> list[Candidate]:
    """Return the candidates that are sure enough to be shown while a person types, by rank, then by gain."""
    found = []
    for one in candidates:
        least = compute_least_confidence(threshold, one.origin, one.rank)
        if one.confidence >= least:
            gain = compute_gain(one.insertion.text, one.confidence, least, is_line=one.is_line)
            found.append(((one.rank, -gain), one))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def compute_least_confidence(threshold: float, origin: Origin, rank: Rank) -> float:
    """Return the least confidence of a text that is shown while a person types, between `threshold` and 1."""
    odds = _SMALL_MODEL_ODDS if origin in {Origin.MODEL, Origin.DRAFT} else _ODDS
    return threshold if rank is Rank.WRITTEN else odds * threshold / (1 + (odds - 1) * threshold)


def is_nontrivial(text: str) -> bool:
    """Return whether `text` has at least two characters and is not only white space, brackets and punctuation."""
    return len(text.strip()) >= _LEAST_CHARACTERS and bool(_CODE.search(text))


def build_suggestion(candidate: Candidate, cursor: Cursor, identity: str) -> Suggestion:
    """Return `candidate`, made for `cursor`, as a suggestion with the id `identity`."""
    return Suggestion(
        identity,
        candidate.insertion.text,
        cursor.offset,
        cursor.offset + candidate.insertion.end,
        candidate.origin,
        round(min(max(candidate.confidence, 0.0), 1.0), 4),
        candidate.model,
    )


def prepend_text(suggestion: Suggestion, text: str, *, start: int, shift: int) -> Suggestion:
    """Return the suggestion with `text` before it and with offsets for the document without the inserted `text`.

    Args:
        suggestion: the suggestion, made for a document with `text` inserted before the cursor.
        text: the inserted text.
        start: offset at which `text` was inserted.
        shift: by how many characters the insertion made the document longer.
    """
    return replace(suggestion, text=text + suggestion.text, start=start, end=suggestion.end - shift)
