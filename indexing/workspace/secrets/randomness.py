"""The test whether a text was drawn at random, as keys are, or has the shape of words, paths, hashes or data.

Entropy alone cannot tell `getElementsByTagNameNS2` from a key; the test also counts how often the kind of character
changes, and how many pairs of letters occur in words. Linear time. Start at `is_drawn_at_random`.
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
import re
from collections import Counter
from itertools import pairwise

LEAST = 20
"""Characters below which nothing is judged: short values are too often versions, names and numbers."""
_MOST = 200  # longer ones are data: images, fonts, certificates, or a format of its own
_LEAST_BITS = 3.4
_LEAST_CHANGES = 0.3  # of the kind of a character, per pair; 0.6 in random text of all kinds, 0.3 in names
_LEAST_FEW_CHANGES = 0.15  # where one kind is missing
_MOST_COMMON = 0.68  # of the pairs of letters; 0.34 in random text, 0.9 in words
_MOST_COMMON_FEW = 0.58
_MOST_COMMON_ALONE = 0.48  # where letters alone speak for it
_MOST_WORDS = 0.25  # of the characters that stand in words
_MOST_STEPS = 0.2  # of pairs that follow each other, as in an alphabet
_MOST_RARE = 0.3  # of the pairs in a long run of letters that is a word all the same
_LONG_RUN = 5
_LONGER_RUN = 8
_LEAST_LETTERS_ALONE = 24
_LEAST_PIECE = 0.4  # of the length, of the longest piece between signs: a path has many short ones
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+(?:[-:._][0-9a-fA-F]+)*")
_LONG_PIECE = 15
_LEAST_HASH = 15
_SIGNS = re.compile(r"[^A-Za-z0-9]+")
_RUN = re.compile(r"[A-Z]?[a-z]{3,}(?![a-z])|[A-Z]{4,}")
_NUMBERS = re.compile(r"[\d._+/eE-]+")
# How data of a known kind begins in base64, public keys among them, and names that compilers make.
_DATA = re.compile(
    r"iVBORw0|R0lGOD|/9j/|UEsDB|H4sI|JVBERi|AGFzbQ|d09G|T1RUTw|AAEAAAA|AAAAB3|AAAAC3|AAAAE2|AAAAGn|PHN2Zy|PD94bW|Qk0|SUkq|TVqQ|f0VM"
    r"|data:|_?_Z|_?\$s|MII|LS0tLS1CRUdJTi(?!BSU0EgUFJJVkFURS|BQUklWQVRF|BPUEVOU1NI|BFQyBQUklW)"
)
# The 220 pairs of letters that make up nine tenths of English and of the names in code, by their first letter.
_PAIRS = frozenset(
    group[0] + second
    for group in [
        "abcdgiklmnprstuvy",
        "baeilorsu",
        "cacehiklortu",
        "dadeiorsu",
        "eacdefgilmnprstvxy",
        "faefiloru",
        "gaehinors",
        "haeio",
        "iabcdefglmnoprstvz",
        "keis",
        "ladeilostuy",
        "mabeimopsu",
        "nacdefginostu",
        "obcdfglmnoprstuvw",
        "paeiloprstu",
        "qu",
        "racdegiklmnorstuy",
        "sacehilopstuy",
        "tacehiloprstuy",
        "uabceilmnprst",
        "vaei",
        "waei",
        "xt",
        "yp",
        "ze",
    ]
    for second in group[1:]
)
_KINDS = str.maketrans("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "a" * 26 + "A" * 26 + "0" * 10)


def compute_entropy(value: str) -> float:
    """Return the Shannon entropy of `value` in bits per character."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


@functools.lru_cache(maxsize=4096)
def is_drawn_at_random(value: str, least: int = LEAST) -> bool:
    """Return whether a value of letters, digits and a few signs is a key rather than a name, a hash, or data.

    A hash in hexadecimal, a UUID and a random key in hexadecimal look alike; none of them is taken for a key here, nor
    is a value of fewer than `least` or more than 200 characters.
    """
    if not least <= len(value) <= _MOST or _HEX.fullmatch(value) or _NUMBERS.fullmatch(value) or _DATA.match(value):
        return False
    if not _is_shaped_like_key(value):
        return False
    kinds = value.translate(_KINDS)
    digits, lower, upper = kinds.count("0"), kinds.count("a"), kinds.count("A")
    if digits + lower + upper < 0.75 * len(value) or digits > 0.7 * len(value):
        return False
    common, pairs = _count_pairs(value)
    changes = sum(one != other for one, other in pairwise(kinds)) / (len(value) - 1)
    if not digits:
        if (len(value) < _LEAST_LETTERS_ALONE and not (lower and upper)) or len(set(value)) == len(value):
            return False  # each letter once: a class of characters
        likely = common <= _MOST_COMMON_ALONE * pairs
    elif lower and upper:
        likely = common <= _MOST_COMMON * pairs and changes >= _LEAST_CHANGES
    else:
        likely = common <= _MOST_COMMON_FEW * pairs and changes >= _LEAST_FEW_CHANGES
    if not likely or compute_entropy(value) < _LEAST_BITS or _count_word_characters(value) > _MOST_WORDS * len(value):
        return False
    return not _is_sequence(value) and not _is_text_in_base64(value)


def _is_shaped_like_key(value: str) -> bool:
    """Return whether a value is in base64, or has a long piece without signs, as a key, and no piece like a hash."""
    if value.endswith("=") or ("+" in value and not re.search(r"[-_]", value)):
        return True  # in base64
    pieces = _SIGNS.split(value)
    long = max(map(len, pieces)) >= min(_LEAST_PIECE * len(value), _LONG_PIECE)
    return long and not any(len(one) > _LEAST_HASH and _HEX.fullmatch(one) for one in pieces)


def _count_pairs(value: str) -> tuple[int, int]:
    """Return how many pairs of adjacent letters in `value` are common in words, and how many pairs there are.

    A small letter before a capital is no pair: a word ends there.
    """
    pairs = [
        (one + other).lower()
        for one, other in pairwise(value)
        if one.isalpha() and other.isalpha() and not (one.islower() and other.isupper())
    ]
    return sum(pair in _PAIRS for pair in pairs), len(pairs)


def _count_word_characters(value: str) -> int:
    """Return how many characters are in runs of four letters and more that could be words."""
    of_words = 0
    for found in _RUN.finditer(value):
        run = found[0].lower()
        rare = sum(one + other not in _PAIRS for one, other in pairwise(run))
        if rare <= (len(run) - 1) * (_MOST_RARE if len(run) > _LONG_RUN else 0) + (len(run) > _LONGER_RUN):
            of_words += len(run)
    return of_words


def _is_sequence(value: str) -> bool:
    """Return whether over a fifth of the characters repeat the previous one, or are next to it in the alphabet."""
    steps = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(value))
    return steps > _MOST_STEPS * len(value)


def _is_text_in_base64(value: str) -> bool:
    """Return whether `value` is readable ASCII text in base64."""
    try:
        data = base64.b64decode(value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4), altchars=b"-_", validate=True)
        text = data.decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return text.isprintable() or all(each.isprintable() or each.isspace() for each in text)
