"""Scores of completions, with confidence intervals.

Start at `Outcome.compare`; `compute_interval` gives a mean with its bootstrap interval, `compute_wilson_interval` a
share with Wilson's.
"""

from __future__ import annotations

import io
import keyword
import math
import re
import tokenize
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 20260101
RESAMPLES = 2000

IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Interval:
    """A mean with the 2.5 % and 97.5 % quantiles of its bootstrap distribution."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Outcome:
    """Comparison of one completion with the original text.

    Attributes:
        exact: 1 if both are equal without white space at their ends, else 0.
        similarity: 1 - Levenshtein distance / length of the longer, in characters.
        identifier_f1: F1 of the identifiers, counted with repetition; 1 if neither has any.
    """

    exact: float
    similarity: float
    identifier_f1: float

    @classmethod
    def compare(cls, expected: str, got: str) -> Outcome:
        """Compare the completion `got` with the original text `expected`."""
        expected, got = expected.strip(), got.strip()
        return cls(
            exact=float(expected == got),
            similarity=compute_edit_similarity(expected, got),
            identifier_f1=compute_identifier_f1(expected, got),
        )


def compute_edit_similarity(expected: str, got: str) -> float:
    """Return 1 - Levenshtein distance / length of the longer; 1 for two empty texts."""
    longer = max(len(expected), len(got))
    return 1 - compute_levenshtein(expected, got) / longer if longer else 1.0


def compute_levenshtein(one: str, other: str) -> int:
    """Return the minimum number of characters to insert, delete or replace to turn one text into the other."""
    row = list(range(len(other) + 1))
    for above, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], above
        for at, top in enumerate(other, start=1):
            diagonal, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, diagonal + (left != top))
    return row[-1]


def count_identifiers(code: str) -> Counter[str]:
    """Return the number of occurrences of each identifier in a piece of Python, without keywords."""
    words = [token.string for token in lex(code) if token.type == tokenize.NAME]
    return Counter(word for word in words if not keyword.iskeyword(word))


def compute_identifier_f1(expected: str, got: str) -> float:
    """Return the F1 of the identifiers of two pieces of code, counted with repetition."""
    wanted, found = count_identifiers(expected), count_identifiers(got)
    if not wanted and not found:
        return 1.0
    common = (wanted & found).total()
    return 2 * common / (wanted.total() + found.total())


def lex(code: str) -> list[tokenize.TokenInfo]:
    """Return the names, numbers, operators, strings and comments of a piece of Python, up to the first error.

    A fragment may end inside brackets or a string.
    """
    tokens: list[tokenize.TokenInfo] = []
    kept = {tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING, tokenize.COMMENT}
    try:
        for token in tokenize.generate_tokens(io.StringIO(code.lstrip()).readline):
            if token.type in kept:
                tokens.append(token)  # noqa: PERF401 - one by one, so that those before an error are kept
    except (tokenize.TokenError, SyntaxError):
        return tokens
    return tokens


def compute_interval(values: Sequence[float]) -> Interval:
    """Return the mean of `values` with a 95 % percentile bootstrap interval; the seed is fixed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    sample = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(SEED).integers(0, sample.size, size=(RESAMPLES, sample.size))
    low, high = np.quantile(sample[draws].mean(axis=1), [0.025, 0.975])
    return Interval(float(sample.mean()), float(low), float(high), int(sample.size))


def compute_wilson_interval(hits: int, n: int) -> Interval:
    """Return the share `hits` / `n` with Wilson's 95 % interval, valid for small `n` and shares near 0 and 1.

    Raises:
        ValueError: `n` is 0.
    """
    if n <= 0:
        raise ValueError("a share needs at least one try")
    share, z = hits / n, 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)), n)


def compute_percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` per cent of `values` lie, by linear interpolation; 0 without values."""
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent)) if values else 0.0
