"""Recall: continues the text at the cursor with what was written elsewhere after the same tokens.

Candidates come from pools (segments, open files, the document itself) and are compared token by token backwards from
the cursor. Words that differ consistently between a candidate and the document are renamed in the continuation. Equal
continuations vote together; `recall_confidence` estimates how likely the best one is right. Reads no files and runs no
model. Start at `find_best`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexing.recall import columns
from indexing.recall import recall_confidence as confidence
from indexing.recall.candidates import Candidate, Hypothesis
from indexing.recall.pools import FOLLOWING, WINDOW, Origin
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.recall.pools import CursorText, Pool


LONGEST = 64  # tokens of a continued line
FROM_POOL = 32  # positions taken from a pool; measured: more of them add no new lines
FROM_OWN = 192  # positions taken from the document, where a search is one scan
FROM_POOL_PARTIAL = 160  # positions taken from a pool after a partial word, which most of them do not fit
COMPARED = 24  # candidates read from other files of the workspace
LIBRARY_COMPARED = 24  # candidates read from libraries
OWN_COMPARED = 24  # candidates read from the document on each side of the cursor
BLOCK_LINES = 12
_BACK = np.arange(WINDOW + 1)
_FORTH = np.arange(1, LONGEST + FOLLOWING + 1)
_TRUE = np.ones(1, dtype=np.bool_)
_COMMENT = re.compile(r"""\s+(?:#|//)\s.*\Z""")


# Words that are never renamed: reserved words of several languages, and the names of the current object.
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
    """A continuation with its source, as `records.Recalled`.

    Attributes:
        key: the view's name of the file of the best match; None for the document.
        start: code-point offset in that file of the token before the continuation.
        text: the text to insert.
        matched_tokens: number of tokens before the cursor that are equal or consistently renamed in that file.
        agreement: share of the votes, each weighted by the squared length of its match; 0 to 1.
        votes: number of candidates with this continuation.
        confidence: calibrated probability that the rest of the line is exactly `text`.
        column: column of the line if the cursor is on a blank line; None if it is not known.
    """

    key: tuple[str, int] | None
    start: int
    text: str
    matched_tokens: int
    agreement: float
    votes: int
    confidence: float
    column: int | None = None


def find_best(
    cursor: CursorText, pools: Sequence[Pool], *, whole_block: bool, limit: int, deadline: float | None
) -> list[RecallMatch]:
    """Return up to `limit` continuations at the cursor, most likely first.

    Args:
        cursor: the text around the cursor.
        pools: pools to search beside the document.
        whole_block: add the lines that belong to the continued line.
        limit: largest number of results.
        deadline: moment of `time.monotonic` after which no further pool is searched.
    """
    if not len(cursor.context):
        return []
    candidates = find_candidates(cursor, pools, deadline)
    matches = []
    for hypothesis, agreement, probability in confidence.rank_hypotheses(
        cursor, collect_hypotheses(cursor, candidates), candidates
    )[:limit]:
        lead = hypothesis.lead
        text = hypothesis.text + _read_block_rest(cursor, lead) if whole_block else hypothesis.text
        key, start = lead.pool.locate(lead.position)
        column = columns.find_column(cursor, lead) if cursor.is_at_line_start else None
        matches.append(
            RecallMatch(key, start, text, lead.matched, agreement, len(hypothesis.voters), probability, column)
        )
    return matches


def find_candidates(cursor: CursorText, pools: Sequence[Pool], deadline: float | None) -> list[Candidate]:
    """Return the candidates with the longest matches in the document and in `pools`, with all attributes set.

    After `deadline` (of `time.monotonic`) no further pool is searched.
    """
    others = [pool for pool in pools if pool.origin != Origin.LIBRARY]
    libraries = [pool for pool in pools if pool.origin == Origin.LIBRARY]
    candidates = [
        *_find_longest(cursor, [cursor.above], OWN_COMPARED, None),
        *_find_longest(cursor, [cursor.below], OWN_COMPARED, None),
        *_find_longest(cursor, others, COMPARED, deadline),
        *_find_longest(cursor, libraries, LIBRARY_COMPARED, deadline),
    ]
    for candidate in candidates:
        _extend_match(cursor, candidate)
    return candidates


def _find_positions(cursor: CursorText, pool: Pool) -> NDArray[np.int64]:
    """Return the positions of `pool` to compare; after a partial word, only those whose next token begins with it."""
    if not cursor.partial:
        return pool.find_similar(cursor.sought, FROM_POOL if pool.origin < Origin.BELOW else FROM_OWN)
    positions = np.concatenate(
        [pool.find_similar(cursor.all_sought, FROM_POOL) - 1, pool.find_similar(cursor.sought, FROM_POOL_PARTIAL)]
    )
    if not len(positions):
        return positions
    positions.sort()
    positions = positions[np.concatenate([_TRUE, positions[1:] != positions[:-1]])]
    following: list[int] = pool.read_ids(positions + 1).tolist()
    # Equal numbers are equal words: one text of each is read, because each may cost a page of the map.
    of_each = dict(zip(following, positions.tolist(), strict=True))
    known = cursor.fitting
    words = [number for number in of_each if number >= tokens.FIRST_WORD and number not in known]
    if words:
        at = np.array([of_each[number] for number in words], dtype=np.int64) + 1
        known.update(zip(words, pool.match_prefix(at, cursor.partial).tolist(), strict=True))
    left: NDArray[np.int64] = positions[[known.get(number, False) for number in following]]
    return left


def _find_longest(cursor: CursorText, pools: Sequence[Pool], count: int, deadline: float | None) -> list[Candidate]:
    """Return up to `count` candidates of `pools`, longest exact match first.

    Of equally long ones those of earlier pools are first, and in a pool the later ones. Leaves out positions without an
    equal token, and continued lines longer than `LONGEST` tokens. After `deadline` (of `time.monotonic`; None for none)
    no further pool is searched.
    """
    found = []
    for pool in pools:
        if deadline is not None and time.monotonic() > deadline:
            break
        if (matches := _compare_windows(cursor, pool)) is not None:
            found.append(matches)
    if not found:
        return []
    lengths, positions = (
        (found[0].lengths, found[0].positions)
        if len(found) == 1
        else (np.concatenate([each.lengths for each in found]), np.concatenate([each.positions for each in found]))
    )
    counts = [len(each.lengths) for each in found]
    owners = np.repeat(np.arange(len(found)), counts)
    firsts = np.cumsum([0, *counts])
    order = np.lexsort((-positions, owners, -lengths))[: np.count_nonzero(lengths)]
    chosen: list[tuple[int, Candidate]] = []
    for begin in range(0, len(order), count):  # nearly all lines end within `LONGEST`, so one round is enough
        some = order[begin : begin + count]
        owner = owners[some]
        for number in dict.fromkeys(owner.tolist()):  # their lines alone are read
            ranks = (owner == number).nonzero()[0]
            read = _read_candidates(found[number], some[ranks] - firsts[number])
            chosen += [(begin + rank, one) for rank, one in zip(ranks.tolist(), read, strict=True) if one is not None]
        if len(chosen) >= count:
            break
    chosen.sort(key=lambda ranked: ranked[0])
    return [candidate for _, candidate in chosen[:count]]


@dataclass(frozen=True, slots=True)
class _Matches:
    """Positions of a pool that share at least a token with the text before the cursor.

    Attributes:
        pool: the pool.
        positions: the positions.
        windows: the tokens up to each position, nearest first.
        lengths: number of tokens of each that equal those before the cursor.
    """

    pool: Pool
    positions: NDArray[np.int64]
    windows: NDArray[np.uint32]
    lengths: NDArray[np.int64]


def _compare_windows(cursor: CursorText, pool: Pool) -> _Matches | None:
    """Return the matches in `pool`; None if it has none."""
    positions = _find_positions(cursor, pool)
    if not len(positions):
        return None
    windows = pool.read_ids(positions[:, None] - _BACK)
    unequal = windows != cursor.backwards
    unequal[:, -1] = True
    lengths = unequal.argmax(axis=1)
    return _Matches(pool, positions, windows, lengths)


def _read_candidates(matches: _Matches, chosen: NDArray[np.int64]) -> list[Candidate | None]:
    """Return the candidate of each chosen match, in order; None for a blank line or one longer than `LONGEST`."""
    pool, at = matches.pool, matches.positions[chosen]
    lines = pool.read_ids(at[:, None] + _FORTH)
    to_end = (lines[:, :LONGEST] <= tokens.SHALLOWER).argmax(axis=1)  # also 0 if the line is longer than `LONGEST`
    fits = to_end.nonzero()[0]
    candidates: list[Candidate | None] = [None] * len(at)
    if not len(fits):
        return candidates
    stops = at + 1 + to_end
    texts, files = pool.read(at[fits], stops[fits])
    windows, exact = matches.windows[chosen].tolist(), matches.lengths[chosen].tolist()
    rows, further, positions, ends = lines.tolist(), to_end.tolist(), at.tolist(), stops.tolist()
    for number, text, file in zip(fits.tolist(), texts, files, strict=True):
        line, length = rows[number], further[number]
        candidates[number] = Candidate(
            pool,
            positions[number],
            ends[number],
            exact[number],
            windows[number][:WINDOW],
            line[:length],
            line[length + 1 :][:FOLLOWING],
            text,
            file,
        )
    return candidates


def _extend_match(cursor: CursorText, candidate: Candidate) -> None:
    """Extend the match of `candidate` over words that are renamed one to one, and compare the next line.

    Sets its `matched`, `renames` and `after`.
    """
    exact = candidate.matched = candidate.exact
    here, there = cursor.backwards_list, candidate.before
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
    if cursor.next_tokens:
        for old, new in zip(candidate.following, cursor.next_tokens, strict=False):
            if candidate.renames.get(old, old) != new:
                break
            candidate.after += 1


def collect_hypotheses(cursor: CursorText, candidates: Sequence[Candidate]) -> list[Hypothesis]:
    """Return the distinct continuations that fit the cursor, each with the candidates that vote for it.

    A candidate with renamed words votes twice: for the renamed text and for its original text.
    """
    found: dict[str, Hypothesis] = {}
    for candidate in candidates:
        raw = _cut_first_token(candidate.text, candidate.before[0])
        words = [token for token in candidate.line if token >= tokens.FIRST_WORD]
        variants = [(raw, words, False)]
        if not candidate.renames.keys().isdisjoint(words):
            renamed = [candidate.renames.get(token, token) for token in words]
            variants.insert(0, (rename_words(cursor, raw, words, candidate.renames), renamed, True))
        for variant, numbers, is_renamed in variants:
            text = _fit_to_cursor(cursor, variant)
            if text:
                hypothesis = found.get(text)
                if hypothesis is None:
                    hypothesis = found[text] = Hypothesis(text, numbers, len(candidate.line))
                hypothesis.voters.append((candidate, is_renamed))
    return list(found.values())


def _fit_to_cursor(cursor: CursorText, text: str) -> str:
    """Return the part of `text` to insert at the cursor, without a comment at its end; "" if it does not fit.

    It fits if it begins with the partial word, whose characters are not inserted again.
    """
    if ("#" in text or "//" in text) and text.count('"') % 2 == text.count("'") % 2 == 0:
        text = _COMMENT.sub("", text)
    text = text.rstrip()
    if cursor.partial:
        text = text.lstrip()
        return text[len(cursor.partial) :] if text.startswith(cursor.partial) else ""
    return text.lstrip() if cursor.needs_no_space else text


def _cut_first_token(text: str, token: int) -> str:
    """Return `text` without its first token, whose number is `token`; after a line break also without indentation."""
    if token <= tokens.SHALLOWER:
        return text.lstrip()
    word = tokens.WORD.match(text) if token >= tokens.FIRST_WORD else None
    return text[word.end() :] if word else text[1:]


def rename_words(cursor: CursorText, text: str, words: Sequence[int], renames: dict[int, int]) -> str:
    """Return `text` with its words renamed as at the cursor.

    Args:
        cursor: the text at the cursor, whose words have numbers, too.
        text: the recalled text.
        words: the number of each word of `text`, in order.
        renames: from the number of a word to the number of its name at the cursor; other words stay.
    """
    numbers = iter(words)

    def replace(match: re.Match[str]) -> str:
        """Return the name at the cursor of the next word; the word itself if it has the same name there."""
        number = renames.get(next(numbers, 0))
        return match.group() if number is None else cursor.words.get(number, match.group())

    return tokens.WORD.sub(replace, text)


def _read_block_rest(cursor: CursorText, lead: Candidate) -> str:
    """Return the lines that follow the recalled line in its block, re-indented and renamed for the cursor; "" for none.

    These are at most `BLOCK_LINES` - 1 lines, each after a line break: those indented deeper than the recalled line;
    if the cursor is at the start of a line and the recalled line is indented, also those indented equally.
    """
    before = lead.pool.read_ids(np.arange(lead.position, max(0, lead.position - 4 * LONGEST) - 1, -1))
    breaks = np.flatnonzero(before <= tokens.SHALLOWER)
    begin = lead.position - int(breaks[0]) if len(breaks) else lead.position
    if len(breaks) and before[breaks[0]] == tokens.SEPARATOR:  # it ends the previous file
        begin += 1
    ids = lead.pool.read_ids(np.arange(lead.end, lead.end + 8 * LONGEST))
    separators = np.flatnonzero(ids == tokens.SEPARATOR)
    stop = lead.end + (int(separators[0]) if len(separators) else 8 * LONGEST)
    whole = lead.pool.read(np.array([begin]), np.array([stop]))[0][0].lstrip("\r\n")
    first, _, rest = whole.partition("\n")
    base = len(first) - len(first.lstrip())
    indent = cursor.line[: len(cursor.line) - len(cursor.line.lstrip())]
    deeper = base if cursor.is_at_line_start and base else base + 1
    lines: list[str] = []
    for line in rest.split("\n")[: BLOCK_LINES - 1]:
        body = line.strip()
        if body and len(line) - len(line.lstrip()) < deeper:
            break
        lines.append(indent + line.rstrip()[base:] if body else "")
    while lines and not lines[-1]:
        lines.pop()
    text = "".join(f"\n{line}" for line in lines)
    words = [token for token in ids[: stop - lead.end].tolist() if token >= tokens.FIRST_WORD]
    return rename_words(cursor, text, words, lead.renames) if lead.renames and text else text
