"""How likely a recalled line is right: a logistic model over what is known of its voters.

The weights lie in `recall.toml` beside this file, with how they were fitted (`tests/eval/recall.py --fit` writes it
anew). Start at `judge`.
"""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexing import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from indexing.recall import Candidate, Place

WEIGHTS = Path(__file__).with_name("recall.toml")
MOST_JUDGED = 32  # continuations with the most votes; the others are never right often enough
_TOKEN = re.compile(r"\w+|[^\w\s]")
_ABOVE = 3  # recall.Origin.ABOVE; an import would be circular
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
    return np.array([float(table.get(name, 0.0)) for name in FEATURES])


def judge(
    place: Place, voters: Mapping[str, Sequence[Candidate]], candidates: Sequence[Candidate]
) -> list[tuple[str, float, float]]:
    """Text, agreement and probability of each continuation, most likely first."""
    if not voters:
        return []
    texts, rows = describe(place, voters, candidates)
    probabilities = 1 / (1 + np.exp(-np.clip(rows @ weights(), -30, 30)))
    order = np.argsort(-probabilities, kind="stable").tolist()
    share = FEATURES.index("share")
    return [(texts[at], float(rows[at, share]), float(probabilities[at])) for at in order]


def describe(
    place: Place, voters: Mapping[str, Sequence[Candidate]], candidates: Sequence[Candidate]
) -> tuple[list[str], NDArray[np.float64]]:
    """The features of each continuation. Shape (continuations, features)."""
    total = sum(candidate.exact**2 for candidate in candidates) or 1
    total_matched = sum(candidate.matched**2 for candidate in candidates) or 1
    votes = {text: sum(candidate.matched**2 for candidate in said) for text, said in voters.items()}
    texts = sorted(votes, key=lambda text: -votes[text])[:MOST_JUDGED]
    longest = max(candidate.exact for candidate in candidates)
    longest_matched = max(candidate.matched for candidate in candidates)
    at_longest = sum(candidate.exact == longest for candidate in candidates)
    after = max(candidate.after for candidate in candidates)
    unknown = _unknown(place, texts)
    line = place.line
    depth = _depth(line)
    lead = line.strip()
    below = {found.strip() for found in place.head[:600].split("\n")[:6]} - {""}
    above = {found.strip() for found in place.tail[-600:].split("\n")[-4:-1]} - {""}
    here = len(place.above.ids)
    rows = []
    for text in texts:
        said = voters[text]
        exact = max(candidate.exact for candidate in said)
        matched = max(candidate.matched for candidate in said)
        share = sum(candidate.exact**2 for candidate in said) / total
        share_matched = votes[text] / total_matched
        share_longest = sum(candidate.exact == longest for candidate in said) / at_longest
        own = [candidate for candidate in said if candidate.pool.origin >= 2]
        nearest = min((here - c.position for c in own if c.pool.origin == _ABOVE), default=100_000)
        renamed = [candidate.renamed > 0 and _is_renamed(place, candidate, text) for candidate in said]
        length = len(_TOKEN.findall(text))
        names, unknowns = unknown[text]
        open_depth = depth + _depth(text)
        whole = (line + text).strip()
        said_after = max(candidate.after for candidate in said)
        log_exact, log_matched, log_length = math.log1p(exact), math.log1p(matched), math.log1p(length)
        rows.append(
            (
                1.0,
                log_exact,
                log_matched,
                exact / 10,
                matched / 10,
                share,
                share_matched,
                share_longest,
                exact == longest,
                matched == longest_matched,
                bool(own),
                math.log1p(max((c.exact for c in own), default=0)),
                math.log1p(max((c.matched for c in own), default=0)),
                math.log1p(nearest) / 5,
                math.log1p(len(said)),
                math.log1p(len({c.file for c in said})),
                log_length,
                length <= 2,
                unknowns,
                unknowns > 0,
                names == 0,
                all(renamed),
                all(c.renamed > 0 for c in said) and not any(renamed),
                all(c.renamed > 0 for c in said),
                open_depth != 0,
                open_depth < 0,
                open_depth > 0,
                text.endswith(":"),
                whole in below,
                whole in above,
                not lead,
                0.0 if lead else log_exact,
                share * log_exact,
                share_longest * log_exact,
                share_matched * log_matched,
                log_length * log_matched,
                math.log1p(said_after),
                said_after == after and after > 0,
                bool(place.partial),
                bool(place.partial) and not _goes_on(text),
                any(c.pool.origin == 1 for c in said),
            )
        )
    return texts, np.array(rows, dtype=np.float64)


def _goes_on(text: str) -> bool:
    """Whether the continuation makes the word before it longer."""
    return tokens.WORD.match(text) is not None


def _is_renamed(place: Place, candidate: Candidate, text: str) -> bool:
    """Whether the candidate's renames show in the text."""
    new = {place.words.get(number) for number in candidate.renames.values()}
    return any(word in new for word in tokens.WORD.findall(text))


def _depth(text: str) -> int:
    """Opening minus closing brackets."""
    return sum(text.count(mark) for mark in _OPENING) - sum(text.count(mark) for mark in _CLOSING)


def _unknown(place: Place, texts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """For each text its number of identifiers, and of those that are not in the asking text."""
    from indexing.recall import KEYWORDS  # noqa: PLC0415 - the two modules are one subject in two files

    words = [[word for word in tokens.WORD.findall(text) if not word.isdigit()] for text in texts]
    numbers = tokens.hash_words([word for found in words for word in found])
    known = place.known
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    flags = iter(zip(numbers.tolist(), (known[at] != numbers).tolist(), strict=True))
    counted = {}
    for text, found in zip(texts, words, strict=True):
        pairs = [pair for pair in (next(flags) for _ in found) if pair[0] not in KEYWORDS]
        counted[text] = (len(pairs), sum(strange for _, strange in pairs))
    return counted
