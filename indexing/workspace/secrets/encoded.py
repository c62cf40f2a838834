"""Secrets in base64 and in the quoting of addresses: each word is decoded, and searched like any text.

Looks at words of bounded length, each once, so that any text takes linear time. Start at `find_encoded`.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,20000}={0,2}(?![A-Za-z0-9+/_=-])", re.ASCII)
_QUOTED = re.compile(r"(?<![\w%.~+-])[\w.~+-]{0,2000}%[0-9A-Fa-f]{2}[\w%.~+-]{4,4000}", re.ASCII)


def find_encoded(text: str, find: Callable[[str], Sequence[tuple[int, int]]]) -> Iterator[tuple[int, int]]:
    """Yield the spans of words that hold a secret once they are decoded; `find` returns the secrets of a plain text."""
    for word in _BASE64.finditer(text):
        if (plain := _decode(word[0])) and find(plain):
            yield word.span()
    if "%" in text:
        for word in _QUOTED.finditer(text):
            plain = unquote(word[0])
            if plain != word[0] and find(plain):
                yield word.span()


def _decode(word: str) -> str:
    """Return the printable ASCII text that `word` is in base64, "" if it is none."""
    bare = word.rstrip("=")
    if len(bare) % 4 == 1:
        return ""
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_" if re.search("[-_]", bare) else None)
        plain = data.decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return plain if all(each.isprintable() or each.isspace() for each in plain) else ""
