"""What was written after the same tokens: continuations for the end of a text, copied from elsewhere and adapted.

Candidates come from pools (segments, open files, the asking text itself), each compared token by token backwards from
the cursor. Identifiers that were consistently renamed between there and here are renamed in the continuation too.
Equal continuations vote together; `recall_confidence` says how likely the best is right. Reads no files, runs no model.
Start at `best`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from indexing.recall import columns
from indexing.recall import recall_confidence as confidence
from indexing.recall.candidates import Candidate, Hypothesis
from indexing.recall.pools import WINDOW, Origin
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.recall.pools import Place, Pool


LONGEST = 64  # tokens of a continued line


FROM_POOL = 32  # candidates looked up in a pool; more of equal length add no new line, measured


FROM_OWN = 192  # the same for the asking text, where all tables are one scan


FROM_POOL_PARTIAL = 160  # the same when half a word stands before the cursor and most of them will not fit it


COMPARED = 24  # candidates read from other files


OWN_COMPARED = 24  # candidates read from the asking text on each side of the cursor


BLOCK_LINES = 12


_BACK = np.arange(WINDOW + 1)


_FORTH = np.arange(1, LONGEST + 1)


_TRUE = np.ones(1, dtype=np.bool_)


_COMMENT = re.compile(r"""\s+(?:#|//)\s.*\Z""")


# Words that are not renamed: what several languages reserve, and the names of "this object".
_RESERVED = """
abstract and as assert async await break case catch class const continue debugger def default defer del do
elif else enum except export extends extern false False final finally fn for from func function global go goto
if impl implements import in inline instanceof interface internal is lambda let loop match mod mut namespace
new nil None nonlocal not null operator or override package pass private protected pub public raise readonly
return self cls static struct super switch template then this throw throws trait true True try type typedef
typeof undefined union unless unsafe until use using var virtual void where while with yield
"""


KEYWORDS = frozenset(tokens.hash_words(_RESERVED.split()).tolist())


@dataclass(frozen=True, slots=True)
class RecallMatch:
    """A continuation; `key` is None when the best match stands in the asking text itself. As `records.Recalled`.

    Attributes:
        key: file of the best match, as the view names it.
        start: code-point offset in that file of the token before the continuation (in the asking text: from its start).
        text: the continuation, ready to insert.
        matched_tokens: tokens before the cursor that are equal there, renamed identifiers included.
        agreement: share of the votes, weighted by squared length of the match, 0 to 1.
        votes: how many places voted for it.
        confidence: calibrated probability that the rest of the line is exactly this.
        column: where its line begins, for a cursor on a blank line; None when that is not known.
    """

    key: tuple[str, int] | None
    start: int
    text: str
    matched_tokens: int
    agreement: float
    votes: int
    confidence: float
    column: int | None = None


def best(
    place: Place, pools: Sequence[Pool], *, whole_block: bool, limit: int, deadline: float | None
) -> list[RecallMatch]:
    """Continuations of the place, most likely first; past the deadline from the pools visited so far."""
    if not len(place.context):
        return []
    candidates = find(place, pools, deadline)
    matches = []
    for hypothesis, agreement, probability in confidence.judge(place, continuations(place, candidates), candidates)[
        :limit
    ]:
        lead = hypothesis.lead
        text = hypothesis.text + _block_rest(place, lead) if whole_block else hypothesis.text
        key, start = lead.pool.where(lead.position)
        column = columns.column_of(place, lead) if place.at_line_start else None
        matches.append(
            RecallMatch(key, start, text, lead.matched, agreement, len(hypothesis.voters), probability, column)
        )
    return matches


def find(place: Place, pools: Sequence[Pool], deadline: float | None) -> list[Candidate]:
    """Compared candidates from all pools, the longest matches of each."""
    own = [found for pool in (place.above, place.below) for found in _longest(place, pool, OWN_COMPARED)]
    others: list[Candidate] = []
    for pool in pools:
        if deadline is not None and time.monotonic() > deadline:
            break
        others += _longest(place, pool, COMPARED)
    others.sort(key=lambda candidate: (-candidate.exact, -candidate.pool.origin))
    candidates = own + others[:COMPARED]
    for candidate in candidates:
        _extend(place, candidate)
    return candidates


def _places(place: Place, pool: Pool) -> NDArray[np.int64]:
    """Positions worth comparing; with half a word before the cursor those whose next token begins with it."""
    if not place.partial:
        return pool.near(place.context, FROM_POOL if pool.origin < Origin.BELOW else FROM_OWN)
    places = np.concatenate([pool.near(place.complete, FROM_POOL) - 1, pool.near(place.context, FROM_POOL_PARTIAL)])
    if not len(places):
        return places
    places.sort()
    places = places[np.concatenate([_TRUE, places[1:] != places[:-1]])]
    following: list[int] = pool.ids[places + 1].tolist()
    # Equal numbers are equal words: one text of each is read, as each may cost a page of the map.
    of_each = dict(zip(following, places.tolist(), strict=True))
    words = [number for number in of_each if number >= tokens.FIRST_WORD]
    begins = pool.begins(np.array([of_each[number] for number in words], dtype=np.int64) + 1, place.partial).tolist()
    fitting = set(compress(words, begins))
    left: NDArray[np.int64] = places[[number in fitting for number in following]] if fitting else places[:0]
    return left


def _longest(place: Place, pool: Pool, count: int) -> list[Candidate]:
    """The positions of a pool with the longest matches; of equal ones the later: in the asking text, the nearer."""
    places = _places(place, pool)
    if not len(places):
        return []
    windows = pool.ids.take(places[:, None] - _BACK, mode="clip")
    unequal = windows != place.backwards
    unequal[:, -1] = True
    lengths = unequal.argmax(axis=1)
    order = np.lexsort((-places, -lengths))[: int(np.count_nonzero(lengths))]
    chosen: list[tuple[int, int, int, list[int], list[int]]] = []
    for begin in range(0, len(order), count):  # nearly all lines end within reach: one round
        some = order[begin : begin + count]
        at = places[some]
        lines = pool.ids.take(at[:, None] + _FORTH, mode="clip")
        to_end = (lines <= tokens.SHALLOWER).argmax(axis=1).tolist()  # 0 as well when the line is longer than we look
        found = zip(at.tolist(), to_end, lengths[some].tolist(), windows[some].tolist(), lines.tolist(), strict=True)
        chosen += [
            (place, place + 1 + further, length, before[:WINDOW], line[:further])
            for place, further, length, before, line in found
            if further
        ]
        if len(chosen) >= count:
            break
    return _read(pool, chosen[:count])


def _read(pool: Pool, chosen: Sequence[tuple[int, int, int, list[int], list[int]]]) -> list[Candidate]:
    """Candidates by position, end, exact length and their tokens, with their texts."""
    if not chosen:
        return []
    places, stops = (np.array([known[at] for known in chosen], dtype=np.int64) for at in (0, 1))
    found = zip(chosen, *pool.read(places, stops), strict=True)
    return [Candidate(pool, *known, text, file) for known, text, file in found]


def _extend(place: Place, candidate: Candidate) -> None:
    """Compare on with identifiers renamed one to one, and the line after the cursor's."""
    exact = candidate.matched = candidate.exact
    here, there = place.backwards_list, candidate.before
    if exact < WINDOW and here[exact] >= tokens.FIRST_WORD and there[exact] >= tokens.FIRST_WORD:
        forth = {token: token for token in there[:exact]}
        back = dict(forth)
        for old, new in zip(there[exact:], here[exact:], strict=False):
            if old < tokens.FIRST_WORD or new < tokens.FIRST_WORD:
                if old != new or old == tokens.SEPARATOR:
                    break
            elif (old != new and (old in KEYWORDS or new in KEYWORDS)) or (
                forth.setdefault(old, new) != new or back.setdefault(new, old) != old
            ):
                break
            candidate.matched += 1
        candidate.renames = {old: new for old, new in forth.items() if old != new and back.get(new) == old}
    if place.next_tokens:
        following = candidate.pool.ids[candidate.end + 1 : candidate.end + 9].tolist()
        for old, new in zip(following, place.next_tokens, strict=False):
            if candidate.renames.get(old, old) != new:
                break
            candidate.after += 1


def continuations(place: Place, candidates: Sequence[Candidate]) -> list[Hypothesis]:
    """What the candidates say; one that renames votes for its original text too."""
    found: dict[str, Hypothesis] = {}
    for candidate in candidates:
        raw = _behind_token(candidate.text, candidate.before[0])
        words = [token for token in candidate.line if token >= tokens.FIRST_WORD]
        variants = [(raw, words, False)]
        if not candidate.renames.keys().isdisjoint(words):
            renamed = [candidate.renames.get(token, token) for token in words]
            variants.insert(0, (rename(place, raw, words, candidate.renames), renamed, True))
        for variant, numbers, is_renamed in variants:
            text = _fit(place, variant)
            if text:
                hypothesis = found.get(text)
                if hypothesis is None:
                    hypothesis = found[text] = Hypothesis(text, numbers, len(candidate.line))
                hypothesis.voters.append((candidate, is_renamed))
    return list(found.values())


def _fit(place: Place, text: str) -> str:
    """A continuation as it must be to stand at the cursor; "" when it does not fit."""
    if ("#" in text or "//" in text) and text.count('"') % 2 == text.count("'") % 2 == 0:
        text = _COMMENT.sub("", text)
    text = text.rstrip()
    if place.partial:
        text = text.lstrip()
        return text[len(place.partial) :] if text.startswith(place.partial) else ""
    return text.lstrip() if place.spaced else text


def _behind_token(text: str, token: int) -> str:
    """What follows the first token of `text`."""
    if token <= tokens.SHALLOWER:
        return text.lstrip()
    word = tokens.WORD.match(text) if token >= tokens.FIRST_WORD else None
    return text[word.end() :] if word else text[1:]


def rename(place: Place, text: str, words: Sequence[int], renames: dict[int, int]) -> str:
    """`text` with identifiers replaced by what they are called at the place; `words` are the numbers of its words."""
    numbers = iter(words)

    def new(match: re.Match[str]) -> str:
        number = renames.get(next(numbers, 0))
        return match.group() if number is None else place.words.get(number, match.group())

    return tokens.WORD.sub(new, text)


def _block_rest(place: Place, lead: Candidate) -> str:
    """The lines that belong to the continued line where it was found, re-indented.

    Those are the deeper ones, or at the start of a line inside a block all to the end of that block.
    """
    ids = lead.pool.ids
    before = ids[max(0, lead.position - 4 * LONGEST) : lead.position + 1] <= tokens.SHALLOWER
    begin = lead.position - int(before[::-1].argmax()) if before.any() else lead.position
    if ids[begin] == tokens.SEPARATOR:  # it ends the file before, which has offsets of its own
        begin += 1
    separators = np.flatnonzero(ids[lead.end : lead.end + 8 * LONGEST] == tokens.SEPARATOR)
    stop = lead.end + (int(separators[0]) if len(separators) else 8 * LONGEST)
    whole = lead.pool.read(np.array([begin]), np.array([stop]))[0][0].lstrip("\r\n")
    first, _, rest = whole.partition("\n")
    base = len(first) - len(first.lstrip())
    indent = place.line[: len(place.line) - len(place.line.lstrip())]
    deeper = base if place.at_line_start and base else base + 1
    lines: list[str] = []
    for line in rest.split("\n")[: BLOCK_LINES - 1]:
        body = line.strip()
        if body and len(line) - len(line.lstrip()) < deeper:
            break
        lines.append(indent + line.rstrip()[base:] if body else "")
    while lines and not lines[-1]:
        lines.pop()
    text = "".join(f"\n{line}" for line in lines)
    words = [token for token in ids[lead.end : stop].tolist() if token >= tokens.FIRST_WORD]
    return rename(place, text, words, lead.renames) if lead.renames and text else text
