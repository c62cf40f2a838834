"""How likely a recalled line is right: a logistic model over what is known of its voters.

The weights lie in `recall.toml` beside this file, with how they were fitted (`tests/eval/recall.py --fit` writes it
anew). Start at `judge`.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
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
    from indexing.recall.pools import Place

WEIGHTS = Path(__file__).with_name("recall.toml")
MOST_JUDGED = 16  # continuations with the most votes; the others are never right often enough
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
    "own",  # some voter stands in the asking text
    "own_exact",
    "own_matched",
    "distance",  # to the nearest voter above, logarithm of tokens
    "votes",
    "files",
    "length",  # tokens of the continuation, logarithm
    "short",
    "unknown",  # identifiers in it that are nowhere in the asking text
    "any_unknown",
    "no_names",
    "only_renamed",  # all voters say so by renaming
    "only_unrenamed",  # all voters would rename something in it
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
def weights() -> NDArray[np.float64]:
    """The fitted weights, in the order of `FEATURES`."""
    table = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))["weights"]
    return np.array([float(table[name]) for name in FEATURES])


def judge(
    place: Place, hypotheses: Sequence[Hypothesis], candidates: Sequence[Candidate]
) -> list[tuple[Hypothesis, float, float]]:
    """Each continuation with its agreement and its probability, most likely first."""
    if not hypotheses:
        return []
    kept, rows = describe(place, hypotheses, candidates)
    probabilities = 1 / (1 + np.exp(-np.clip(rows @ weights(), -30, 30)))
    order = np.argsort(-probabilities, kind="stable").tolist()
    share = FEATURES.index("share")
    return [(kept[at], float(rows[at, share]), float(probabilities[at])) for at in order]


def describe(
    place: Place, hypotheses: Sequence[Hypothesis], candidates: Sequence[Candidate]
) -> tuple[list[Hypothesis], NDArray[np.float64]]:
    """Those with the most votes and their features. Shape (hypotheses, features)."""
    votes = [sum(candidate.matched**2 for candidate, _ in found.voters) for found in hypotheses]
    order = sorted(range(len(votes)), key=lambda at: -votes[at])[:MOST_JUDGED]
    scene = _Scene.of(place, candidates)
    strange = _strangers(place, [hypotheses[at] for at in order])
    rows = [_describe(scene, hypotheses[at], votes[at], *strange[row]) for row, at in enumerate(order)]
    return [hypotheses[at] for at in order], np.array(rows, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all continuations of a place are measured against."""

    votes: int  # sum over all candidates of the squared exact length
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
    def of(cls, place: Place, candidates: Sequence[Candidate]) -> _Scene:
        longest = max(candidate.exact for candidate in candidates)
        return cls(
            votes=sum(candidate.exact**2 for candidate in candidates),
            votes_matched=sum(candidate.matched**2 for candidate in candidates),
            longest=longest,
            longest_matched=max(candidate.matched for candidate in candidates),
            at_longest=sum(candidate.exact == longest for candidate in candidates),
            after=max(candidate.after for candidate in candidates),
            here=len(place.above.ids),
            partial=bool(place.partial),
            line=place.line,
            depth=_depth(place.line),
            below=frozenset(line.strip() for line in place.head[:600].split("\n")[:6]) - {""},
            above=frozenset(line.strip() for line in place.tail[-600:].split("\n")[-4:-1]) - {""},
        )


def _describe(scene: _Scene, found: Hypothesis, votes: int, names: int, strange: int) -> tuple[float, ...]:
    """The features of one continuation, in the order of `FEATURES`."""
    exact = matched = own_exact = own_matched = after = weight = at_longest = renamed = would_rename = 0
    nearest, is_open, own = 100_000, False, False
    files = set()
    for candidate, is_renamed in found.voters:
        origin = candidate.pool.origin
        exact = max(exact, candidate.exact)
        matched = max(matched, candidate.matched)
        after = max(after, candidate.after)
        weight += candidate.exact**2
        at_longest += candidate.exact == scene.longest
        renamed += is_renamed
        would_rename += bool(candidate.renames)
        files.add((origin, candidate.file))
        is_open |= origin == Origin.OPEN
        if origin >= Origin.BELOW:
            own = True
            own_exact = max(own_exact, candidate.exact)
            own_matched = max(own_matched, candidate.matched)
            if origin == Origin.ABOVE:
                nearest = min(nearest, scene.here - candidate.position)
    share, share_matched = weight / scene.votes, votes / scene.votes_matched
    share_longest = at_longest / scene.at_longest
    log_exact, log_matched, log_length = math.log1p(exact), math.log1p(matched), math.log1p(found.length)
    depth = scene.depth + _depth(found.text)
    lead = scene.line.strip()
    whole = (scene.line + found.text).strip()
    count = len(found.voters)
    return (
        1.0,
        log_exact,
        log_matched,
        exact / 10,
        matched / 10,
        share,
        share_matched,
        share_longest,
        exact == scene.longest,
        matched == scene.longest_matched,
        own,
        math.log1p(own_exact),
        math.log1p(own_matched),
        math.log1p(nearest) / 5,
        math.log1p(count),
        math.log1p(len(files)),
        log_length,
        found.length <= 2,
        strange,
        strange > 0,
        names == 0,
        renamed == count,
        would_rename == count and not renamed,
        would_rename == count,
        depth != 0,
        depth < 0,
        depth > 0,
        found.text.endswith(":"),
        whole in scene.below,
        whole in scene.above,
        not lead,
        0.0 if lead else log_exact,
        share * log_exact,
        share_longest * log_exact,
        share_matched * log_matched,
        log_length * log_matched,
        math.log1p(after),
        after == scene.after and after > 0,
        scene.partial,
        scene.partial and tokens.WORD.match(found.text) is not None,
        is_open,
    )


def _depth(text: str) -> int:
    """Opening minus closing brackets."""
    return sum(text.count(mark) for mark in _OPENING) - sum(text.count(mark) for mark in _CLOSING)


def _strangers(place: Place, hypotheses: Sequence[Hypothesis]) -> list[tuple[int, int]]:
    """For each continuation its number of words, and of those that are not in the asking text."""
    words = np.array([word for found in hypotheses for word in found.words], dtype=np.uint32)
    strange = place.unknown(words)
    ends = np.cumsum([0, *(len(found.words) for found in hypotheses)])
    counts = np.concatenate([[0], np.cumsum(strange)])[ends]
    return list(zip(np.diff(ends).tolist(), np.diff(counts).tolist(), strict=True))
