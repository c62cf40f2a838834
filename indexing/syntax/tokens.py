"""One lexer for every language: words, single punctuation marks, and line breaks with the change of indentation.

Works on whole arrays (about 60 MB/s), so that the same code tokenises a workspace in bulk and the text before the
cursor. A token is a number: equal words have equal hashes, and there is no vocabulary. Knows no grammar: the content of
strings and comments is words and marks, too. Start at `tokenize`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEPARATOR = 0  # the character NUL: ends a file in a batch; never matches anything
SAME, DEEPER, SHALLOWER = 1, 2, 3  # a line break, by the next line's indentation compared with this line's
FIRST_WORD = 256  # words have this bit set; smaller numbers are the ASCII code of a mark, or a line break

WORD = re.compile(r"[\w\u0080-\U0010ffff]+")  # the same words as the array lexer's, for short texts
SUBWORD = re.compile(r"[A-Z]+(?![a-z\u0080-\U0010ffff])|[A-Z]?[a-z\u0080-\U0010ffff]+|[0-9]+")

_SPACE, _BREAK, _NUL, _MARK, _UNDERSCORE, _DIGIT, _LOWER, _UPPER = range(8)
_CLASSES = bytes(
    _NUL
    if code == 0
    else _BREAK
    if code == 10
    else _UPPER
    if 65 <= code <= 90
    else _LOWER
    if 97 <= code <= 122 or code >= 128
    else _DIGIT
    if 48 <= code <= 57
    else _UNDERSCORE
    if code == 95
    else _MARK
    if 33 <= code <= 126
    else _SPACE
    for code in range(256)
)
# A polynomial hash modulo 2**64 with an odd base: prefix sums give the hash of any range with one subtraction and one
# multiplication by the base's inverse power. The final multiplication is Fibonacci hashing (2**64 / golden ratio).
_BASE = 0x5851F42D4C957F2D
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MANY = 1 << 15


def _make_powers(base: int, count: int) -> NDArray[np.uint64]:
    """Return the first `count` powers of `base` modulo 2**64, the zeroth first."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


_FORWARD, _BACKWARD = _make_powers(_BASE, _MANY), _make_powers(_INVERSE, _MANY)


def _grow_tables(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return at least `count` powers of the base and of its inverse, from cached tables that grow when too short."""
    global _FORWARD, _BACKWARD  # a cache of constants; a race costs time, not correctness
    forward, backward = _FORWARD, _BACKWARD
    if len(forward) < count or len(backward) < count:
        size = 1 << (count - 1).bit_length()
        forward, backward = _make_powers(_BASE, size), _make_powers(_INVERSE, size)
        _FORWARD, _BACKWARD = forward, backward
    return forward, backward


def fold(text: str) -> bytes:
    """Return `text` with one byte for each code point: ASCII unchanged, everything else hashed to 128..255."""
    if text.isascii():
        return text.encode("ascii")
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return np.where(codes < 128, codes, 128 | (codes * np.uint32(31) >> np.uint32(3)) & 127).astype(np.uint8).tobytes()


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenised text.

    Attributes:
        ids: uint32, shape (tokens,).
        starts: int64 code-point offsets, shape (tokens,); a line break starts at its last newline character.
    """

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The words and parts of words that ranking counts, lower-cased.

    Attributes:
        ids: uint32 hashes, shape (terms,); equal for equal lower-cased spelling.
        starts: int64 code-point offsets, ascending, shape (terms,).
    """

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]


class _Scratch(threading.local):
    """Reused memory for the sums of a short text: fresh memory would be mapped page by page, which takes longer."""

    def __init__(self) -> None:
        self.products = np.zeros(_MANY, dtype=np.uint64)
        self.sums = np.zeros(_MANY + 1, dtype=np.uint64)


_SCRATCH = _Scratch()


def _sum_prefixes(data: bytes) -> NDArray[np.uint64]:
    """Return the prefix sums of a folded text's hash, from 0; valid until this thread calls the function again."""
    count = len(data)
    forward, _ = _grow_tables(count + 1)
    if count <= _MANY:
        products, sums = _SCRATCH.products[:count], _SCRATCH.sums[: count + 1]
    else:
        products, sums = np.empty(count, dtype=np.uint64), np.zeros(count + 1, dtype=np.uint64)
    np.multiply(np.frombuffer(data, dtype=np.uint8), forward[:count], out=products)
    np.cumsum(products, out=sums[1:])
    return sums


def _sum_ranges(sums: NDArray[np.uint64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the sum of each range [start, end) of the text with the prefix sums `sums`; equal for equal ranges."""
    _, backward = _grow_tables(len(sums))
    found: NDArray[np.uint64] = (sums[ends] - sums[starts]) * backward[starts]
    return found


def sum_ranges(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a number of 64 bits for each range [start, end) of `data`; equal for ranges with equal bytes.

    Zero bytes at the end of a range do not count.
    """
    return _sum_ranges(_sum_prefixes(data), starts, ends)


def _hash_ranges(sums: NDArray[np.uint64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the hash of each range [start, end) of the text with the prefix sums `sums`."""
    return mix(_sum_ranges(sums, starts, ends)).astype(np.uint32) | np.uint32(FIRST_WORD)


def _classify(data: bytes) -> NDArray[np.uint8]:
    """Return the class of each character, with the class of a space added at both ends."""
    return np.frombuffer(b"\x00" + data.translate(_CLASSES) + b"\x00", dtype=np.uint8)


def tokenize(data: bytes) -> Tokens:
    """Split a folded text into tokens; files joined by NUL characters are tokenised as if each were a separate text."""
    classes = _classify(data)
    inner = classes[1:-1]
    is_word = classes >= _UNDERSCORE
    first = is_word[1:-1] & ~is_word[:-2]
    ends = np.flatnonzero(is_word[1:-1] & ~is_word[2:]) + 1
    starts = np.flatnonzero(first | ((inner > _SPACE) & (inner < _UNDERSCORE)))
    kinds = inner[starts]
    breaks = kinds == _BREAK
    if len(starts):  # of several line breaks in a row the last one counts
        keep = ~breaks
        keep[:-1] |= breaks[:-1] & ~breaks[1:]
        keep[-1] = True
        starts, kinds, breaks = starts[keep], kinds[keep], breaks[keep]
    ids = np.frombuffer(data, dtype=np.uint8)[starts].astype(np.uint32)
    words = kinds >= _UNDERSCORE
    ids[words] = _hash_ranges(_sum_prefixes(data), starts[words], ends)
    _mark_breaks(ids, starts, kinds, len(data))
    return Tokens(ids, starts)


def _mark_breaks(ids: NDArray[np.uint32], starts: NDArray[np.int64], kinds: NDArray[np.uint8], length: int) -> None:
    """Set the numbers in `ids`: of line breaks to SAME, DEEPER or SHALLOWER, by indentation; of NULs to SEPARATOR."""
    nul = kinds == _NUL
    lines = np.flatnonzero((kinds == _BREAK) | nul)
    if not len(lines):
        return
    indents = starts[np.minimum(lines + 1, len(starts) - 1)]
    if lines[-1] == len(starts) - 1:
        indents[-1] = length
    indents -= starts[lines] + 1
    files = nul[lines]
    indents[files] = 0
    change = indents.copy()
    change[1:] -= indents[:-1]
    numbers = np.full(len(lines), SAME, dtype=np.uint32)
    numbers[change > 0] = DEEPER
    numbers[change < 0] = SHALLOWER
    numbers[files] = SEPARATOR
    ids[lines] = numbers


def find_terms(data: bytes) -> Terms:
    """Return the terms of a folded text: each part of each word, and the whole word if it has several parts.

    Leaves out numbers and single letters.
    """
    classes = _classify(data)
    before, here, behind = classes[:-2], classes[1:-1], classes[2:]
    in_part = here > _UNDERSCORE
    apart = (before != here) & ~((before == _UPPER) & (here == _LOWER))  # foo|Bar, x|2, but not F|oo
    apart |= (before == _UPPER) & (here == _UPPER) & (behind == _LOWER)  # XML|Parser
    begins = np.flatnonzero(in_part & apart)
    if not len(begins):
        return Terms(np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64))
    stops = np.flatnonzero(in_part & (behind <= _UNDERSCORE)) + 1
    ends = np.minimum(np.append(begins[1:], len(data)), stops[np.searchsorted(stops, begins, side="right")])
    is_word = classes >= _UNDERSCORE
    word_begins = np.flatnonzero(is_word[1:-1] & ~is_word[:-2])
    word_ends = np.flatnonzero(is_word[1:-1] & ~is_word[2:]) + 1
    first = np.minimum(np.searchsorted(begins, word_begins), len(begins) - 1)
    whole = (begins[first] != word_begins) | (ends[first] != word_ends)
    starts = np.concatenate([begins, word_begins[whole]])
    ends = np.concatenate([ends, word_ends[whole]])
    wanted = (here[starts] != _DIGIT) & (ends - starts > 1)  # numbers and single letters do not help ranking
    starts, ends = starts[wanted], ends[wanted]
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    return Terms(_hash_ranges(_sum_prefixes(data.lower()), starts, ends[order]), starts)


def compute_window_hashes(ids: NDArray[np.uint32], lengths: Sequence[int]) -> list[NDArray[np.uint32]]:
    """Return, for each length, an array with the hash of the last `length` tokens up to each position, shaped as `ids`.

    At the first positions there are fewer tokens.
    """
    count = len(ids)
    forward, backward = _grow_tables(count + 1)
    sums = np.zeros(count + 1, dtype=np.uint64)
    np.cumsum(ids * forward[:count], out=sums[1:])
    hashes = []
    for length in lengths:
        head = min(length, count)  # windows that begin at the first token
        mixed = np.empty(count, dtype=np.uint64)
        mixed[:head] = sums[1 : head + 1]
        mixed[head:] = (sums[head + 1 :] - sums[1 : count - head + 1]) * backward[1 : count - head + 1]
        hashes.append(mix(mixed).astype(np.uint32))
    return hashes


@cache
def compute_window_weights(width: int, lengths: tuple[int, ...]) -> NDArray[np.uint64]:
    """Return the factor of each token of a window in the sum of its last tokens, for each length.

    The product of a window of `width` tokens and this matrix, given to `mix`, equals `compute_window_hashes` at the
    window's end. Shape (width, lengths).
    """
    weights = np.zeros((width, len(lengths)), dtype=np.uint64)
    for column, length in enumerate(lengths):
        first = max(width - length, 0)
        weights[first:, column] = _FORWARD[: width - first]
    return weights


def mix(sums: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Turn the sums of ranges into hashes of 32 bits, in place, and return them."""
    sums ^= sums >> np.uint64(32)
    sums *= _MIX
    sums >>= np.uint64(32)
    return sums


def hash_words(words: list[str]) -> NDArray[np.uint32]:
    """Return the numbers of whole words, equal to those from `tokenize`."""
    return _hash_list([fold(word) for word in words])


def hash_terms(words: list[str]) -> NDArray[np.uint32]:
    """Return the numbers of whole words, lower-cased, equal to those from `find_terms`."""
    return _hash_list([fold(word).lower() for word in words])


def _hash_list(words: list[bytes]) -> NDArray[np.uint32]:
    """Return the numbers of folded words."""
    ends = np.cumsum([len(word) for word in words], dtype=np.int64) if words else np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64) if words else ends
    return _hash_ranges(_sum_prefixes(b"".join(words)), starts, ends)
