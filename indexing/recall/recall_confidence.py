"""The probability that a recalled line is right: a logistic model over features of its voters.

Voters in the workspace and voters in installed libraries have features of their own, because a library is less like
the code at the cursor.
`recall.toml` beside this file holds the weights and says how they were fitted; `tests/eval/recall.py --fit` writes it.
Start at `rank_hypotheses`.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexing.recall.pools import Origin
from indexing.syntax import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.recall.candidates import Candidate, Hypothesis
    from indexing.recall.pools import CursorText

WEIGHTS = Path(__file__).with_name("recall.toml")
MOST_JUDGED = 16  # continuations, those with the most votes
_OPENING, _CLOSING = "([{", ")]}"

FEATURES = (
    "one",
    "exact",  # longest exact match of its voters, logarithm
    "matched",  # longest match with renamed identifiers, logarithm
    "exact_long",
    "matched_long",
    "share",  # of the votes weighted by squared exact length
    "share_matched",  # of the votes weighted by squared matched length
    "share_longest",  # of the voters with the longest exact match of all
    "is_longest",
    "is_longest_matched",
    "own",  # a voter is in the document
    "own_exact",
    "own_matched",
    "distance",  # to the nearest voter above, logarithm of tokens
    "votes",
    "files",
    "length",  # tokens of the continuation, logarithm
    "short",
    "unknown",  # words of it that are not in the document
    "any_unknown",
    "no_names",
    "only_renamed",  # all voters renamed words
    "only_unrenamed",  # all voters have renamed words, but not in this continuation
    "renamed",
    "unbalanced",
    "closes_too_much",
    "leaves_open",
    "ends_with_colon",
    "repeats_below",
    "repeats_above",
    "line_start",
    "line_start_exact",
    "share_exact",
    "share_longest_exact",
    "share_matched_matched",
    "length_matched",
    "after",  # tokens of the next line that follow there too, logarithm
    "after_share",
    "partial",
    "completes_word",
    "open_file",
    "library",  # voters in libraries alone; the features above are about the other voters, and about the line
    "library_voted",  # a voter is in a library
    "library_exact",
    "library_matched",
    "library_exact_long",
    "library_share",
    "library_share_matched",
    "library_share_longest",
    "library_is_longest",
    "library_votes",
    "library_files",
    "library_after",
    "library_only_renamed",
    "library_only_length",
    "library_only_unknown",
    "library_only_any_unknown",
    "library_only_short",
    "library_only_exact",
    "library_only_share",
    "library_only_no_names",
    "library_only_line_start",
    "library_beats",  # its longest exact match is longer than any in the workspace
    "near_exact",  # longest exact match of any voter outside of libraries
    "library_only_near_exact",
)


@cache
def load_weights() -> NDArray[np.float64]:
    """Return the fitted weights, in the order of `FEATURES`."""
    table = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
    return np.array([float(table[name]) for name in FEATURES])


def rank_hypotheses(
    cursor: CursorText, hypotheses: Sequence[Hypothesis], candidates: Sequence[Candidate]
) -> list[tuple[Hypothesis, float, float]]:
    """Return up to `MOST_JUDGED` hypotheses with the most votes, with agreement and probability, most likely first."""
    if not hypotheses:
        return []
    kept, rows = compute_features(cursor, hypotheses, candidates)
    probabilities = 1 / (1 + np.exp(-np.clip(rows @ load_weights(), -30, 30)))
    order = np.argsort(-probabilities, kind="stable").tolist()
    share = FEATURES.index("share")
    return [(kept[at], float(rows[at, share]), float(probabilities[at])) for at in order]


def compute_features(
    cursor: CursorText, hypotheses: Sequence[Hypothesis], candidates: Sequence[Candidate]
) -> tuple[list[Hypothesis], NDArray[np.float64]]:
    """Return up to `MOST_JUDGED` hypotheses with the most votes, and their features: shape (hypotheses, features)."""
    votes = [sum(candidate.matched**2 for candidate, _ in found.voters) for found in hypotheses]
    order = sorted(range(len(votes)), key=lambda at: -votes[at])[:MOST_JUDGED]
    near = [candidate for candidate in candidates if candidate.pool.origin > Origin.LIBRARY]
    scene = _Scene.of(cursor, near)
    libraries = _Matches.of([candidate for candidate in candidates if candidate.pool.origin == Origin.LIBRARY])
    counts = _count_words(cursor, [hypotheses[at] for at in order])
    rows = [_compute_features(scene, libraries, hypotheses[at], *counts[row]) for row, at in enumerate(order)]
    return [hypotheses[at] for at in order], np.array(rows, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Matches:
    """Figures of all candidates of a kind, to which those of a continuation are compared.

    Attributes:
        votes: sum of the squared exact lengths, at least 1.
        votes_matched: sum of the squared matched lengths, at least 1.
        longest: longest exact match.
        longest_matched: longest match with renamed words.
        at_longest: number of candidates with the longest exact match, at least 1.
        after: most equal tokens of the next line.
    """

    votes: int
    votes_matched: int
    longest: int
    longest_matched: int
    at_longest: int
    after: int

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> _Matches:
        """Return the figures of `candidates`."""
        longest = max((candidate.exact for candidate in candidates), default=0)
        return cls(
            votes=max(1, sum(candidate.exact**2 for candidate in candidates)),
            votes_matched=max(1, sum(candidate.matched**2 for candidate in candidates)),
            longest=longest,
            longest_matched=max((candidate.matched for candidate in candidates), default=0),
            at_longest=max(1, sum(candidate.exact == longest for candidate in candidates)),
            after=max((candidate.after for candidate in candidates), default=0),
        )


@dataclass(frozen=True, slots=True)
class _Scene:
    """Figures of a cursor, and of all candidates outside of libraries (`near`)."""

    near: _Matches
    here: int  # position of the cursor among the tokens above
    partial: bool
    line: str
    depth: int
    below: frozenset[str]
    above: frozenset[str]

    @classmethod
    def of(cls, cursor: CursorText, candidates: Sequence[Candidate]) -> _Scene:
        """Return the figures of `cursor` and of `candidates`, none of which is in a library."""
        return cls(
            near=_Matches.of(candidates),
            here=len(cursor.above.ids),
            partial=bool(cursor.partial),
            line=cursor.line,
            depth=_count_open_brackets(cursor.line),
            below=frozenset(line.strip() for line in cursor.head[:600].split("\n")[:6]) - {""},
            above=frozenset(line.strip() for line in cursor.tail[-600:].split("\n")[-4:-1]) - {""},
        )


@dataclass(slots=True)
class _Tally:
    """Figures of the voters of one continuation, in libraries or outside of them.

    Attributes:
        count: number of voters.
        exact: longest exact match; `own_exact` of the voters in the document.
        matched: longest match with renamed words; `own_matched` of the voters in the document.
        after: most equal tokens of the next line.
        weight: sum of the squared exact lengths; `weight_matched` of the matched ones.
        at_longest: number of voters with the longest exact match of all candidates.
        renamed: number of voters that renamed words for this continuation.
        with_renames: number of voters that have renamed words at all.
        nearest: distance of the nearest voter above the cursor, in tokens.
        files: the files of the voters.
        is_open: a voter is in an open file.
        own: a voter is in the document.
    """

    count: int = 0
    exact: int = 0
    matched: int = 0
    own_exact: int = 0
    own_matched: int = 0
    after: int = 0
    weight: int = 0
    weight_matched: int = 0
    at_longest: int = 0
    renamed: int = 0
    with_renames: int = 0
    nearest: int = 100_000
    files: set[tuple[int, int]] = field(default_factory=set)
    is_open: bool = False
    own: bool = False


def _tally_voters(
    scene: _Scene, libraries: _Matches, voters: Sequence[tuple[Candidate, bool]]
) -> tuple[_Tally, _Tally]:
    """Return figures of the voters of one continuation: of those outside of libraries, then of those in libraries.

    Args:
        scene: the cursor and all candidates outside of libraries.
        libraries: figures of all candidates in libraries.
        voters: the voters, each with whether its words had to be renamed for this continuation.
    """
    near, library = _Tally(), _Tally()
    for candidate, is_renamed in voters:
        origin = candidate.pool.origin
        tally, of_kind = (library, libraries) if origin == Origin.LIBRARY else (near, scene.near)
        tally.count += 1
        tally.exact = max(tally.exact, candidate.exact)
        tally.matched = max(tally.matched, candidate.matched)
        tally.after = max(tally.after, candidate.after)
        tally.weight += candidate.exact**2
        tally.weight_matched += candidate.matched**2
        tally.at_longest += candidate.exact == of_kind.longest
        tally.renamed += is_renamed
        tally.with_renames += bool(candidate.renames)
        tally.files.add((id(candidate.pool), candidate.file))
        tally.is_open |= origin == Origin.OPEN
        if origin >= Origin.BELOW:
            tally.own = True
            tally.own_exact = max(tally.own_exact, candidate.exact)
            tally.own_matched = max(tally.own_matched, candidate.matched)
            if origin == Origin.ABOVE:
                tally.nearest = min(tally.nearest, scene.here - candidate.position)
    return near, library


def _compute_features(
    scene: _Scene, libraries: _Matches, found: Hypothesis, names: int, unknown: int
) -> tuple[float, ...]:
    """Return the features of one continuation, in the order of `FEATURES`.

    Args:
        scene: the cursor and the candidates outside of libraries.
        libraries: figures of all candidates in libraries.
        found: the continuation.
        names: number of the words of the continuation.
        unknown: number of its words that are not in the document.
    """
    tally, library = _tally_voters(scene, libraries, found.voters)
    near, count = scene.near, tally.count
    share, share_matched = tally.weight / near.votes, tally.weight_matched / near.votes_matched
    share_longest = tally.at_longest / near.at_longest if count else 0.0
    log_exact, log_matched = math.log1p(tally.exact), math.log1p(tally.matched)
    log_length = math.log1p(found.length)
    return (
        1.0,
        log_exact,
        log_matched,
        tally.exact / 10,
        tally.matched / 10,
        share,
        share_matched,
        share_longest,
        count > 0 and tally.exact == near.longest,
        count > 0 and tally.matched == near.longest_matched,
        tally.own,
        math.log1p(tally.own_exact),
        math.log1p(tally.own_matched),
        math.log1p(tally.nearest) / 5 if count else 0.0,
        math.log1p(count),
        math.log1p(len(tally.files)),
        log_length,
        found.length <= 2,
        unknown,
        unknown > 0,
        names == 0,
        count > 0 and tally.renamed == count,
        count > 0 and tally.with_renames == count and not tally.renamed,
        count > 0 and tally.with_renames == count,
        *_compute_line_features(scene, found.text),
        0.0 if scene.line.strip() else log_exact,
        share * log_exact,
        share_longest * log_exact,
        share_matched * log_matched,
        log_length * log_matched,
        math.log1p(tally.after),
        tally.after == near.after and tally.after > 0,
        scene.partial,
        scene.partial and tokens.WORD.match(found.text) is not None,
        tally.is_open,
        *_compute_library_features(
            scene, libraries, library, length=found.length, names=names, unknown=unknown, only=not count
        ),
    )


def _compute_library_features(  # noqa: PLR0913 (a feature each)
    scene: _Scene, libraries: _Matches, tally: _Tally, *, length: int, names: int, unknown: int, only: bool
) -> tuple[float, ...]:
    """Return the features of a continuation about its voters in libraries, from "library" of `FEATURES` on.

    Args:
        scene: the cursor and the candidates outside of libraries.
        libraries: figures of all candidates in libraries.
        tally: the voters in libraries.
        length: tokens of the continuation.
        names: number of its words.
        unknown: number of its words that are not in the document.
        only: whether it has no other voters.
    """
    log_exact, near_exact = math.log1p(tally.exact), math.log1p(scene.near.longest)
    share = tally.weight / libraries.votes
    return (
        only,
        tally.count > 0,
        log_exact,
        math.log1p(tally.matched),
        tally.exact / 10,
        share,
        tally.weight_matched / libraries.votes_matched,
        tally.at_longest / libraries.at_longest if tally.count else 0.0,
        tally.count > 0 and tally.exact == libraries.longest,
        math.log1p(tally.count),
        math.log1p(len(tally.files)),
        math.log1p(tally.after),
        tally.count > 0 and tally.renamed == tally.count,
        only * math.log1p(length),
        only * unknown,
        only and unknown > 0,
        only and length <= 2,
        only * log_exact,
        only * share,
        only and names == 0,
        only and not scene.line.strip(),
        tally.exact > scene.near.longest,
        near_exact,
        only * near_exact,
    )


def _compute_line_features(scene: _Scene, text: str) -> tuple[float, ...]:
    """Return the features of the cursor's line with `text` in it, from "unbalanced" to "line_start" of `FEATURES`."""
    depth = scene.depth + _count_open_brackets(text)
    whole = (scene.line + text).strip()
    return (
        depth != 0,
        depth < 0,
        depth > 0,
        text.endswith(":"),
        whole in scene.below,
        whole in scene.above,
        not scene.line.strip(),
    )


def _count_open_brackets(text: str) -> int:
    """Return the number of opening brackets minus the number of closing ones."""
    return sum(text.count(mark) for mark in _OPENING) - sum(text.count(mark) for mark in _CLOSING)


def _count_words(cursor: CursorText, hypotheses: Sequence[Hypothesis]) -> list[tuple[int, int]]:
    """Return for each continuation the number of its words, and how many of its words are not in the document."""
    words = np.array([word for found in hypotheses for word in found.words], dtype=np.uint32)
    strange = cursor.find_unknown(words)
    ends = np.cumsum([0, *(len(found.words) for found in hypotheses)])
    counts = np.concatenate([[0], np.cumsum(strange)])[ends]
    return list(zip(np.diff(ends).tolist(), np.diff(counts).tolist(), strict=True))
