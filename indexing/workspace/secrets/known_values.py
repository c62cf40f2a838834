"""Values that are known to be secret in this process, wherever they occur: alone, in base64, in an address.

They come from the environment, from files such as `.env`, and from the places of keys; a command may print them, and a
model may repeat them, where nothing says what they are. Kept in memory alone. Start at `register` and `find_known`.
"""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from indexing.workspace.secrets.secret_places import find_all, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEAST = 8
"""Characters of the shortest value; a shorter one may be a word."""
LONGEST = 4096
MOST = 1000
_KINDS = ("[a-z]", "[A-Z]", r"\d", r"[^A-Za-z\d\s]")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")

_lock = threading.Lock()
_values: dict[str, tuple[str, ...]] = {}
"""The forms of each value: itself, in base64, and quoted for an address; the newest value last."""


def register(values: Iterable[str]) -> None:
    """Register values as secret, up to `MOST`; the oldest are forgotten beyond that. Thread-safe.

    Leaves out what may be an ordinary word: short values, placeholders, and values of one kind of character.
    """
    forms = {text: tuple(dict.fromkeys(_list_forms(text))) for text in map(str.strip, values) if _is_distinctive(text)}
    with _lock:
        for text, its_forms in forms.items():
            _values.pop(text, None)
            _values[text] = its_forms
        for oldest in list(_values)[: max(0, len(_values) - MOST)]:
            del _values[oldest]


def register_one(value: str) -> None:
    """Register one value as secret; see `register`."""
    register((value,))


def forget_all() -> None:
    """Forget all values."""
    with _lock:
        _values.clear()


def find_known(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of known values in a text, in no order; they may overlap."""
    with _lock:
        forms = [form for known in _values.values() for form in known]
    for form in forms:
        yield from ((start, start + len(form)) for start in find_all(text, form))


def _is_distinctive(value: str) -> bool:
    """Return whether a value is so unlike ordinary words that each occurrence of it is the secret."""
    if not LEAST <= len(value) <= LONGEST or is_placeholder(value) or _WORD.fullmatch(value):
        return False
    return sum(bool(re.search(kind, value)) for kind in _KINDS) > 1 or len(value) > 2 * LEAST


def _list_forms(value: str) -> Iterator[str]:
    """Yield the forms in which a value may occur: itself, a line of it, in base64, and quoted for an address."""
    yield value
    yield from (line for line in value.splitlines() if len(line) > 2 * LEAST)
    for data in (value.encode("utf-8", "replace"), f"{value}\n".encode("utf-8", "replace")):
        coded = base64.b64encode(data).decode().rstrip("=")
        yield from (coded, coded.translate(str.maketrans("+/", "-_")))
    yield quote(value, safe="")
