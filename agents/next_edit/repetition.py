"""Rule 3, the last edit repeated: the same change at places that look like the place of the edit.

A place has the tokens that the edit replaced, or, for an insertion, its nearest neighbours. How likely the change
belongs there is estimated from how far the surroundings agree (`likelihood.py`). Whole lines are moved to the
indentation of their place. Start at `list_repetitions`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.next_edit.likelihood import Agreement, estimate_log_odds
from agents.next_edit.next_edits import Candidate, Kind
from agents.next_edit.surroundings import (
    Surroundings,
    find_indentation,
    find_indentation_before,
    find_places,
    join_surroundings,
    read_surroundings,
    split_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.next_edit.changed_tokens import TokenChange
    from agents.next_edit.surroundings import Span

LONGEST = 600  # characters of the old and the new text
_GAP = 50  # characters of white space between an inserted text and the place of an insertion
PLACES = 120  # most places of a change in a text that are compared


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A change with its surroundings.

    Attributes:
        uri: the document.
        start: start of `new_text` in the current text.
        old_text: the replaced text, without white space that stayed.
        new_text: the text that replaced it, likewise.
        around: what stands before and after it.
        kind: the kind of the change, as `likelihood.py` names it.
        indentation: that of the line where the change begins.
        is_lines: whether it inserts, removes or replaces whole lines.
        is_below: whether such lines are indented as the line before them, and not as the one after them.
        edits: number of edits that made this change.
    """

    uri: str
    start: int
    old_text: str
    new_text: str
    around: Surroundings
    kind: str
    indentation: str
    is_lines: bool
    is_below: bool
    edits: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """The change without its place and its white space."""
        return " ".join(split_text(self.old_text)), " ".join(split_text(self.new_text))


@dataclass(frozen=True, slots=True)
class Repetition:
    """A candidate, and how likely it is right."""

    candidate: Candidate
    log_odds: float


def find_repeatable(changes: tuple[TokenChange, ...], uri: str, text: str) -> Iterator[Repeatable]:
    """Yield the `changes` of one edit that can be repeated, with their surroundings in the current `text`."""
    for change in changes:
        if max(len(change.old_text), len(change.new_text)) > LONGEST:
            continue
        start, old, new = _strip_equal_space(change.start, change.old_text, change.new_text)
        start, old, new = _shift_to_lines(start, old, new, text)
        if _count_brackets(old) != _count_brackets(new):  # else half of a change would be repeated
            continue
        begins_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
        is_lines = begins_line and all(not part or part.rstrip(" \t").endswith("\n") for part in (old, new))
        around = read_surroundings(text, start, start + len(new))
        kind = _name_kind(old, new)
        if kind is not None and around.left and around.right:
            indentation = find_indentation(text, start)
            is_below = is_lines and find_indentation(text, start + len(new)) != indentation
            is_below = is_below and find_indentation_before(text, start) == indentation
            yield Repeatable(uri, start, old, new, around, kind, indentation, is_lines, is_below)


def join_repeatable(found: Iterable[Iterable[Repeatable]]) -> list[Repeatable]:
    """Return the repeatable changes of several edits, newest first, with equal ones joined.

    A joined change has what its places share, if they share a token on each side. The change alone, as the newest edit
    made it, comes after the joined one.
    """
    alone: dict[tuple[str, str], Repeatable] = {}
    joined: dict[tuple[str, str], Repeatable] = {}
    for each in found:
        counted = set()
        for one in each:
            known = joined.get(one.key, one)
            around = join_surroundings(known.around, one.around)
            edits = known.edits + (one.key in joined and one.key not in counted)
            joined[one.key] = replace(known, around=around, edits=edits)
            alone.setdefault(one.key, one)
            counted.add(one.key)
    return [
        one
        for key in alone
        for one in ((joined[key], alone[key]) if joined[key].edits > 1 else (alone[key],))
        if one.around.left and one.around.right
    ]


def list_repetitions(one: Repeatable, uri: str, text: str, least: float) -> list[Repetition]:
    """Return the places in `text` where `one` can be repeated with odds above `least`, in the order of the text."""
    spans = list(find_places(text, one.old_text, one.around, most=PLACES))
    agreed = [one.around.compare(text, span.start, span.end) for span in spans]
    lengths = sorted(each.length for each in agreed)
    odds = {}
    for each in set(agreed):
        rivals = len(lengths) - bisect_left(lengths, each.length) - 1
        odds[each] = estimate_log_odds(
            Agreement(
                kind=one.kind,
                around=each,
                old_text=one.old_text,
                new_text=one.new_text,
                places=len(spans),
                rivals=rivals,
                is_beaten=each.length < lengths[-1],
                is_same_text=uri == one.uri,
                is_lines=one.is_lines,
                edits=one.edits,
            )
        )
    made = []
    for span, each in zip(spans, agreed, strict=True):
        place = _fit_place(one, span, text) if odds[each] > least else None
        if place is not None:
            made.append(Repetition(Candidate(uri, *place, Kind.REPEAT, _explain(one), one.key), odds[each]))
    return made


def _strip_equal_space(start: int, old: str, new: str) -> tuple[int, str, str]:
    """Return the start of a change, its old and its new text, without the white space that both begin or end with."""
    least = min(len(old), len(new))
    first = 0
    while first < least and old[first] == new[first] and old[first].isspace():
        first += 1
    last = 0
    while last < least - first and old[-1 - last] == new[-1 - last] and old[-1 - last].isspace():
        last += 1
    return start + first, old[first : len(old) - last], new[first : len(new) - last]


def _shift_to_lines(start: int, old: str, new: str, text: str) -> tuple[int, str, str]:
    """Return a change of whole lines so that it begins with their first token; any other change as it is."""
    side = old or new
    if bool(old) != bool(new) and side.startswith("\n") and text[start + len(new) : start + len(new) + 1] in {"\n", ""}:
        side = side[1:] + "\n"
        old, new, start = side if old else "", side if new else "", start + 1
    if not text[text.rfind("\n", 0, start) + 1 : start].strip():
        if new.rstrip(" \t").endswith("\n"):
            spaces = len(new) - len(new.lstrip(" \t"))
            start, new = start + spaces, new[spaces:]
        if old.rstrip(" \t").endswith("\n"):
            old = old.lstrip(" \t")
    return start, old, new


def _fit_place(one: Repeatable, span: Span, text: str) -> tuple[int, int, str] | None:
    """Return start and end of the part to replace at `span`, and its new text; None if `one` does not fit there."""
    start, end = span.start, span.end
    if not one.old_text.strip() and _is_there(one.new_text.strip(), text, start, end):
        return None
    indentation = find_indentation(text, start)
    if not one.is_lines:
        if one.old_text[:1] in {" ", "\t"}:
            start = len(text[:start].rstrip(" \t")) if text[start - 1 : start] in {" ", "\t"} else start
        if one.old_text[-1:] in {" ", "\t"}:
            end += len(text[end : end + LONGEST]) - len(text[end : end + LONGEST].lstrip(" \t"))
        new = _indent(one.new_text, one.indentation, indentation) if "\n" in one.new_text else one.new_text
        return None if text[start:end] == new else (start, end, new)
    first = text.rfind("\n", 0, start) + 1
    if text[first:start].strip():
        return None
    new = one.new_text.rstrip(" \t")
    if not one.old_text and (one.is_below or text[start : start + 1] == "\n"):
        indentation = find_indentation_before(text, start)
    if new:
        new = indentation + _indent(new, one.indentation, indentation)
    return first, end if one.old_text else first, new


def _is_there(new: str, text: str, start: int, end: int) -> bool:
    """Return whether `new` stands directly before `start` or after `end`, with white space between at most."""
    reach = len(new) + _GAP
    before, after = text[max(start - reach, 0) : start].rstrip(), text[end : end + reach].lstrip()
    return before.endswith(new) or after.startswith(new)


def _indent(lines: str, old: str, new: str) -> str:
    """Return `lines` with the indentation `new` instead of `old`, except in the first one."""
    first, *rest = lines.split("\n")
    return "\n".join([first, *(new + line.removeprefix(old) if line.strip() else line for line in rest)])


def _explain(one: Repeatable) -> str:
    """Return the reason to show."""
    old, new = _shorten(one.old_text), _shorten(one.new_text)
    if not new:
        return f"`{old}` was removed at a similar place."
    return f"`{new}` was inserted at a similar place." if not old else f"`{old}` became `{new}` at a similar place."


def _shorten(text: str) -> str:
    """Return the first line of `text` with words; an ellipsis stands for the others."""
    first, *rest = text.strip().split("\n")
    return f"{first} …" if rest else first


def _count_brackets(text: str) -> list[int]:
    """Return how many more brackets of each kind open in `text` than close, and whether a quote is left open."""
    pairs = [text.count(opened) - text.count(closed) for opened, closed in ("()", "[]", "{}")]
    return [*pairs, text.count("'") % 2, text.count('"') % 2]


def _name_kind(old_text: str, new_text: str) -> str | None:
    """Return the kind of a change, as `likelihood.py` names it; None if no token was changed."""
    old, new = ([token for token in split_text(part) if not token.isspace()] for part in (old_text, new_text))
    if not old:
        return "insertion" if new else None
    if not new:
        return "deletion"
    if len(old) == len(new) == 1 and old[0].isidentifier():
        return "name" if new[0].isidentifier() else "words"
    return "words" if any(token.isidentifier() for token in old) else "marks"
