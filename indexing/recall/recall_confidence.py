"""The probability that a recalled line is right: a logistic model over features of its voters.

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
    scene = _Scene.of(cursor, candidates)
    counts = _count_words(cursor, [hypotheses[at] for at in order])
    rows = [_compute_features(scene, hypotheses[at], votes[at], *counts[row]) for row, at in enumerate(order)]
    return [hypotheses[at] for at in order], np.array(rows, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Figures of a cursor and all its candidates, to which each continuation is compared."""

    votes: int  # sum of the squared exact lengths of all candidates
    votes_matched: int
    longest: int
    longest_matched: int
    at_longest: int
    after: int
    here: int  # position of the cursor among the tokens above
    partial: bool
    line: str
    depth: int
    below: frozenset[str]
    above: frozenset[str]

    @classmethod
    def of(cls, cursor: CursorText, candidates: Sequence[Candidate]) -> _Scene:
        """Return the figures of `cursor` and `candidates`; there must be at least one candidate."""
        longest = max(candidate.exact for candidate in candidates)
        return cls(
            votes=sum(candidate.exact**2 for candidate in candidates),
            votes_matched=sum(candidate.matched**2 for candidate in candidates),
            longest=longest,
            longest_matched=max(candidate.matched for candidate in candidates),
            at_longest=sum(candidate.exact == longest for candidate in candidates),
            after=max(candidate.after for candidate in candidates),
            here=len(cursor.above.ids),
            partial=bool(cursor.partial),
            line=cursor.line,
            depth=_count_open_brackets(cursor.line),
            below=frozenset(line.strip() for line in cursor.head[:600].split("\n")[:6]) - {""},
            above=frozenset(line.strip() for line in cursor.tail[-600:].split("\n")[-4:-1]) - {""},
        )


@dataclass(slots=True)
class _Tally:
    """Figures of the voters of one continuation.

    Attributes:
        exact: longest exact match; `own_exact` of the voters in the document.
        matched: longest match with renamed words; `own_matched` of the voters in the document.
        after: most equal tokens of the next line.
        weight: sum of the squared exact lengths.
        at_longest: number of voters with the longest exact match of all candidates.
        renamed: number of voters that renamed words for this continuation.
        with_renames: number of voters that have renamed words at all.
        nearest: distance of the nearest voter above the cursor, in tokens.
        files: the files of the voters.
        is_open: a voter is in an open file.
        own: a voter is in the document.
    """

    exact: int = 0
    matched: int = 0
    own_exact: int = 0
    own_matched: int = 0
    after: int = 0
    weight: int = 0
    at_longest: int = 0
    renamed: int = 0
    with_renames: int = 0
    nearest: int = 100_000
    files: set[tuple[Origin, int]] = field(default_factory=set)
    is_open: bool = False
    own: bool = False


def _tally_voters(scene: _Scene, voters: Sequence[tuple[Candidate, bool]]) -> _Tally:
    """Return sums, maxima and flags over the matches of `voters`, from which features are computed."""
    tally = _Tally()
    for candidate, is_renamed in voters:
        origin = candidate.pool.origin
        tally.exact = max(tally.exact, candidate.exact)
        tally.matched = max(tally.matched, candidate.matched)
        tally.after = max(tally.after, candidate.after)
        tally.weight += candidate.exact**2
        tally.at_longest += candidate.exact == scene.longest
        tally.renamed += is_renamed
        tally.with_renames += bool(candidate.renames)
        tally.files.add((origin, candidate.file))
        tally.is_open |= origin == Origin.OPEN
        if origin >= Origin.BELOW:
            tally.own = True
            tally.own_exact = max(tally.own_exact, candidate.exact)
            tally.own_matched = max(tally.own_matched, candidate.matched)
            if origin == Origin.ABOVE:
                tally.nearest = min(tally.nearest, scene.here - candidate.position)
    return tally


def _compute_features(scene: _Scene, found: Hypothesis, votes: int, names: int, unknown: int) -> tuple[float, ...]:
    """Return the features of one continuation, in the order of `FEATURES`.

    Args:
        scene: the cursor and all candidates.
        found: the continuation.
        votes: sum of the squared matched lengths of its voters.
        names: number of the words of the continuation.
        unknown: number of its words that are not in the document.
    """
    tally, count = _tally_voters(scene, found.voters), len(found.voters)
    share, share_matched = tally.weight / scene.votes, votes / scene.votes_matched
    share_longest = tally.at_longest / scene.at_longest
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
        tally.exact == scene.longest,
        tally.matched == scene.longest_matched,
        tally.own,
        math.log1p(tally.own_exact),
        math.log1p(tally.own_matched),
        math.log1p(tally.nearest) / 5,
        math.log1p(count),
        math.log1p(len(tally.files)),
        log_length,
        found.length <= 2,
        unknown,
        unknown > 0,
        names == 0,
        tally.renamed == count,
        tally.with_renames == count and not tally.renamed,
        tally.with_renames == count,
        *_compute_line_features(scene, found.text),
        0.0 if scene.line.strip() else log_exact,
        share * log_exact,
        share_longest * log_exact,
        share_matched * log_matched,
        log_length * log_matched,
        math.log1p(tally.after),
        tally.after == scene.after and tally.after > 0,
        scene.partial,
        scene.partial and tokens.WORD.match(found.text) is not None,
        tally.is_open,
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
