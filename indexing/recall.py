"""What was written after the same tokens: continuations for the end of a text, copied from elsewhere and adapted.

Candidates come from pools (segments, open files, the asking text itself), each compared token by token backwards from
the cursor. Identifiers that were consistently renamed between there and here are renamed in the continuation too.
Equal continuations vote together; `confidence` says how likely the best is right. Reads no files, runs no model.
Start at `best`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexing import confidence, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

WINDOW = 32  # tokens compared backwards at most
TAIL = 32_768  # characters before the cursor that are looked at, and searched themselves
HEAD = 8_192  # characters behind it
LONGEST = 64  # tokens of a continued line
FROM_POOL = 64  # candidates looked up in a pool; more of equal length add no new line, measured
FROM_POOL_PARTIAL = 256  # the same when half a word stands before the cursor and most of them will not fit it
COMPARED = 64  # candidates read from other files
OWN_COMPARED = 40  # candidates read from the asking text on each side of the cursor
BLOCK_LINES = 12
_PAD = 255  # no token has this number

_PARTIAL = re.compile(r"[\w\u0080-\U0010ffff]+\Z")
_COMMENT = re.compile(r"""\s+(?:#|//)\s.*\Z""")
# Words that are not renamed: what several languages reserve, and the names of "this object".
KEYWORDS = frozenset(
    tokens.hash_words(
        (
            "abstract and as assert async await break case catch class const continue debugger def default defer del do "
            "elif else enum except export extends extern false False final finally fn for from func function global go "
            "goto if impl implements import in inline instanceof interface internal is lambda let loop match mod mut "
            "namespace new nil None nonlocal not null operator or override package pass private protected pub public "
            "raise readonly return self cls static struct super switch template then this throw throws trait true True "
            "try type typedef typeof undefined union unless unsafe until use using var virtual void where while with "
            "yield"
        ).split()
    ).tolist()
)


class Origin(IntEnum):
    """Where a candidate stands, in order of trust."""

    WORKSPACE = 0
    OPEN = 1  # a file that is open or changed since the index was built
    BELOW = 2  # the asking text, behind the cursor
    ABOVE = 3  # the asking text, before the cursor


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
    """

    key: tuple[str, int] | None
    start: int
    text: str
    matched_tokens: int
    agreement: float
    votes: int
    confidence: float


class Pool(Protocol):
    """Tokens that can be searched. Every file in it begins behind a separator."""

    ids: NDArray[np.uint32]
    origin: Origin

    def near(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Positions whose tokens up to there are most like the end of `context`; not all, not compared yet."""
        ...

    def read(self, position: int, end: int) -> tuple[tuple[str, int] | None, int, str]:
        """File, code-point offset and text from the token at `position` up to where the token at `end` starts."""
        ...


class TextPool:
    """A part of the asking text as a pool, searched by scanning."""

    def __init__(self, text: str, base: int, origin: Origin, *, last: int | None = None) -> None:
        """Search `text`, which stands at offset `base` of the asking text; `last` is the first position not to find."""
        found = tokens.tokenize(tokens.fold(text))
        self.origin = origin
        self.ids = np.concatenate([np.zeros(1, dtype=np.uint32), found.ids])
        self.starts = np.concatenate([np.zeros(1, dtype=np.int64), found.starts])
        self._text = text
        self._base = base
        self._last = len(self.ids) - 1 if last is None else last

    def near(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Positions of the last token, with the one before it equal too where there are many."""
        places = np.flatnonzero(self.ids[: self._last] == context[-1])
        for back in (2, 3):
            if len(places) > limit and len(context) >= back:
                longer = places[self.ids[places - back + 1] == context[-back]]
                places = longer if len(longer) else places
        return places[-limit:]

    def read(self, position: int, end: int) -> tuple[None, int, str]:
        """Text between two tokens."""
        start = int(self.starts[position])
        stop = int(self.starts[end]) if end < len(self.starts) else len(self._text)
        return None, self._base + start, self._text[start:stop]


@dataclass(frozen=True)
class Place:
    """Where a continuation is wanted.

    Attributes:
        tail: the text before the cursor that is looked at, whole lines but for the last.
        base: its offset in the asking text.
        head: the text behind the cursor that is looked at.
        partial: the word that ends at the cursor, "" for none; it may be complete or not.
        names: identifiers known at the place.
    """

    tail: str
    base: int
    head: str
    partial: str
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, prefix: str, suffix: str, names: Iterable[str] = ()) -> Place:
        """The place between `prefix` and `suffix`."""
        base = max(0, len(prefix) - TAIL)
        if base:
            base = prefix.find("\n", base, len(prefix)) + 1 or base
        partial = _PARTIAL.search(prefix[-200:])
        return cls(prefix[base:], base, suffix[:HEAD], partial.group() if partial else "", tuple(names))

    @cached_property
    def above(self) -> TextPool:
        """The text before the cursor as a pool; the place itself is not found."""
        pool = TextPool(self.tail, self.base, Origin.ABOVE)
        pool._last = len(pool.ids) - (2 if self.partial else 1)  # noqa: SLF001 - only now known
        return pool

    @cached_property
    def below(self) -> TextPool:
        """The text behind the cursor as a pool."""
        return TextPool(self.head, self.base + len(self.tail), Origin.BELOW)

    @cached_property
    def context(self) -> NDArray[np.uint32]:
        """Tokens before the cursor, without the word that ends at it."""
        ids = self.above.ids[1:]
        return ids[:-1] if self.partial else ids

    @cached_property
    def backwards(self) -> NDArray[np.uint32]:
        """The last `WINDOW` tokens of the context, nearest first, padded."""
        last = self.context[-WINDOW:][::-1]
        return np.concatenate([last, np.full(WINDOW - len(last), _PAD, dtype=np.uint32)])

    @cached_property
    def next_tokens(self) -> list[int]:
        """The first tokens of the line after the cursor's."""
        ids = self.below.ids[1 : 1 + LONGEST].tolist()
        breaks = [at for at, token in enumerate(ids) if token <= tokens.SHALLOWER]
        return ids[breaks[0] + 1 : breaks[0] + 9] if breaks else []

    @cached_property
    def words(self) -> dict[int, str]:
        """Words near the cursor by their number: what renamed identifiers can become."""
        found = list(dict.fromkeys(tokens.WORD.findall(self.tail[-6000:])))
        return dict(zip(tokens.hash_words(found).tolist(), found, strict=True))

    @cached_property
    def known(self) -> NDArray[np.uint32]:
        """Numbers of all words in sight, sorted."""
        return np.sort(np.concatenate([self.above.ids, self.below.ids, tokens.hash_words(list(self.names))]))

    @cached_property
    def line(self) -> str:
        """The cursor's line up to the cursor."""
        return self.tail[self.tail.rfind("\n") + 1 :]

    @property
    def at_line_start(self) -> bool:
        """Whether nothing but indentation stands before the cursor."""
        return not self.line.strip()


@dataclass(slots=True)
class Candidate:
    """A position that may continue like the place.

    Attributes:
        pool: where it was found.
        position: of the token before the continuation.
        end: position of the line break that ends the continued line.
        exact: equal tokens backwards.
        matched: equal or consistently renamed tokens backwards.
        renamed: how many identifiers are renamed.
        after: tokens of the next line that are equal too.
        renames: word numbers there to word numbers here.
    """

    pool: Pool
    position: int
    end: int
    exact: int
    matched: int = 0
    renamed: int = 0
    after: int = 0
    renames: dict[int, int] = field(default_factory=dict)
    file: tuple[str, int] | None = None
    start: int = 0


def best(
    place: Place, pools: Sequence[Pool], *, whole_block: bool, limit: int, deadline: float | None
) -> list[RecallMatch]:
    """Continuations of the place, most likely first; past the deadline from the pools visited so far."""
    if not len(place.context):
        return []
    candidates = _candidates(place, pools, deadline)
    voters = _hypotheses(place, candidates)
    judged = confidence.judge(place, voters, candidates)[:limit]
    matches = []
    for text, agreement, probability in judged:
        lead = max(voters[text], key=lambda candidate: (candidate.matched, candidate.exact, candidate.pool.origin))
        whole = text + _block_rest(place, lead) if whole_block else text
        matches.append(
            RecallMatch(lead.file, lead.start, whole, lead.matched, agreement, len(voters[text]), probability)
        )
    return matches


def _candidates(place: Place, pools: Sequence[Pool], deadline: float | None) -> list[Candidate]:
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


def _longest(place: Place, pool: Pool, count: int) -> list[Candidate]:
    """The positions of a pool with the longest matches; of equal ones the later, which in the asking text are nearer."""
    if place.partial:
        complete = place.above.ids[1:]
        places = np.unique(
            np.concatenate([pool.near(place.context, FROM_POOL_PARTIAL), pool.near(complete, FROM_POOL) - 1])
        )
    else:
        places = pool.near(place.context, FROM_POOL if pool.origin < Origin.BELOW else FROM_POOL_PARTIAL)
    if not len(places):
        return []
    windows = pool.ids[np.maximum(places[:, None] - np.arange(WINDOW), 0)]
    unequal = windows != place.backwards
    lengths = np.where(unequal.any(axis=1), unequal.argmax(axis=1), WINDOW)
    ends = pool.ids[np.minimum(places[:, None] + np.arange(1, LONGEST + 1), len(pool.ids) - 1)] <= tokens.SHALLOWER
    to_end = np.where(ends.any(axis=1), ends.argmax(axis=1), 0)
    useful = (lengths > 0) & (to_end > 0)
    places, lengths, to_end = places[useful], lengths[useful], to_end[useful]
    order = np.lexsort((-places, -lengths)).tolist()
    found: list[Candidate] = []
    for at in order:
        position = int(places[at])
        if place.partial and not _fits(pool, position, place.partial):
            continue
        found.append(Candidate(pool, position, position + 1 + int(to_end[at]), int(lengths[at])))
        if len(found) == count:
            break
    return found


def _fits(pool: Pool, position: int, partial: str) -> bool:
    """Whether the token behind `position` begins with the word half typed."""
    return pool.read(position + 1, position + 2)[2].startswith(partial)


def _extend(place: Place, candidate: Candidate) -> None:
    """Compare on with identifiers renamed one to one, and the line after the cursor's."""
    ids = candidate.pool.ids
    position = candidate.position
    there = ids[max(0, position - WINDOW + 1) : position + 1][::-1].tolist()
    forth: dict[int, int] = {}
    back: dict[int, int] = {}
    matched = 0
    for old, new in zip(there, place.backwards.tolist(), strict=False):
        if old < tokens.FIRST_WORD or new < tokens.FIRST_WORD:
            if old != new or old == tokens.SEPARATOR:
                break
        elif (old != new and (old in KEYWORDS or new in KEYWORDS)) or (
            forth.setdefault(old, new) != new or back.setdefault(new, old) != old
        ):
            break
        matched += 1
    candidate.matched = max(matched, candidate.exact)
    candidate.renames = {old: new for old, new in forth.items() if old != new}
    candidate.renamed = len(candidate.renames)
    following = ids[candidate.end + 1 : candidate.end + 9].tolist()
    for old, new in zip(following, place.next_tokens, strict=False):
        if candidate.renames.get(old, old) != new:
            break
        candidate.after += 1


def _hypotheses(place: Place, candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Continuations with the candidates that vote for them; a renamed one votes for its original text too."""
    spaced = place.tail[-1:].isspace() or place.at_line_start
    voters: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        candidate.file, candidate.start, raw = candidate.pool.read(candidate.position, candidate.end)
        text = _behind_token(raw, int(candidate.pool.ids[candidate.position]))
        text = _COMMENT.sub("", text) if text.count('"') % 2 == text.count("'") % 2 == 0 else text
        text = text.rstrip()
        if place.partial:
            text = text.lstrip()[len(place.partial) :]
        elif spaced:
            text = text.lstrip()
        if not text:
            continue
        adapted = rename(place, text, candidate.renames) if candidate.renames else text
        voters.setdefault(adapted, []).append(candidate)
        if adapted != text:
            voters.setdefault(text, []).append(candidate)
    return voters


def _behind_token(text: str, token: int) -> str:
    """What follows the first token of `text`."""
    if token <= tokens.SHALLOWER:
        return text.lstrip()
    word = tokens.WORD.match(text) if token >= tokens.FIRST_WORD else None
    return text[word.end() :] if word else text[1:]


def rename(place: Place, text: str, renames: dict[int, int]) -> str:
    """`text` with identifiers replaced by what they are called at the place."""
    words = tokens.WORD.findall(text)
    numbers = dict(zip(words, tokens.hash_words(words).tolist(), strict=True))
    new = {word: place.words.get(renames.get(number, 0), word) for word, number in numbers.items()}
    return tokens.WORD.sub(lambda match: new[match.group()], text)


def _block_rest(place: Place, lead: Candidate) -> str:
    """The lines that belong to the continued line where it was found, re-indented: deeper ones, or at the start of a
    line inside a block all to the end of that block.
    """
    ids = lead.pool.ids
    before = ids[max(0, lead.position - 4 * LONGEST) : lead.position + 1] <= tokens.SHALLOWER
    begin = lead.position - int(before[::-1].argmax()) if before.any() else lead.position
    separators = np.flatnonzero(ids[lead.end : lead.end + 8 * LONGEST] == tokens.SEPARATOR)
    stop = lead.end + (int(separators[0]) if len(separators) else 8 * LONGEST)
    first, _, rest = lead.pool.read(begin, min(stop, len(ids)))[2].lstrip("\r\n").partition("\n")
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
    return rename(place, text, lead.renames) if lead.renames and text else text
