"""Removes the values of secrets from a command's output while it runs, before anything of it is kept.

Finds each value as it is, and in the forms that programs commonly write it in: base64, hexadecimal, URL, JSON, shell
and HTML. Line breaks inside of a form do not hide it. A program that means to can write a secret in other forms.
Start at `Scrubber`.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from server.gate.commands.bounded_output import BoundedOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 6
"""Characters of the shortest value that can be removed without removing ordinary words."""

PLACEHOLDER = "(secret)"
_SHORTEST_LINE = 8  # of a value with several lines, whose lines are removed by themselves, too
_LEAST_SCANNED = 8_192  # bytes of output that are searched at once
_BREAKS = 3  # line breaks in a row that are looked through


class Scrubber:
    """Replaces the values of secrets in texts.

    Args:
        values: the values, of `SHORTEST` characters or more each.
    """

    def __init__(self, values: Iterable[str]) -> None:
        forms = sorted({form for value in values for form in _list_forms(value)}, key=len, reverse=True)
        self._longest = max((_measure(form) for form in forms), default=0)
        gap = rb"[\r\n]{0,%d}" % _BREAKS
        patterns = (gap.join(re.escape(form[at : at + 1]) for at in range(len(form))) for form in forms)
        self._pattern = re.compile(b"|".join(patterns)) if forms else None

    def scrub(self, text: str) -> str:
        """Return `text` with `PLACEHOLDER` in place of each value, in any of its forms."""
        if self._pattern is None:
            return text
        return self.scrub_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def scrub_bytes(self, data: bytes) -> bytes:
        """Return `data` with `PLACEHOLDER` in place of each value, in any of its forms."""
        return self._pattern.sub(PLACEHOLDER.encode(), data) if self._pattern is not None else data

    @property
    def longest(self) -> int:
        """Most bytes of an output that one value can take in any of its forms."""
        return self._longest

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the part of `data` that no further output can change, scrubbed, and the rest as it is."""
        if self._pattern is None:
            return data, b""
        safe, done = max(0, len(data) - self._longest), 0
        for match in self._pattern.finditer(data):
            if match.start() >= safe:
                break
            done = match.end()
        safe = max(safe, done)
        return self.scrub_bytes(data[:safe]), data[safe:]


class ScrubbedOutput(BoundedOutput):
    """An output whose secrets are removed before it is cut."""

    def __init__(self, first: int, last: int, scrubber: Scrubber) -> None:
        """Keep the `first` and the `last` bytes of the output without the values that `scrubber` removes."""
        super().__init__(first, last)
        self._scrubber = scrubber
        self._rest = bytearray()

    def add(self, piece: bytes) -> None:
        """Append `piece` without secrets; holds back the end, in which a secret may begin, until more is added."""
        self._rest += piece
        if len(self._rest) < self._scrubber.longest + _LEAST_SCANNED:
            return  # output in small pieces is not searched again for each of them
        clean, rest = self._scrubber.split(bytes(self._rest))
        self._rest = bytearray(rest)
        super().add(clean)

    def format(self) -> str:
        """Return the output as text without secrets.

        Call it once, at the end: it appends what `add` has held back.
        """
        super().add(self._scrubber.scrub_bytes(bytes(self._rest)))
        self._rest.clear()
        return super().format()


def _measure(form: bytes) -> int:
    """Return the most bytes of an output that a form can take, with the line breaks that are looked through."""
    return len(form) * (1 + _BREAKS)


def _list_forms(value: str) -> Iterator[bytes]:
    """Yield the forms in which programs write a value, and those of its long lines if it has several."""
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    for text in {value, value.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}:
        if len(text) >= SHORTEST:
            yield from filter(None, _encode(text))


def _encode(text: str) -> Iterator[bytes]:
    """Yield the forms in which programs write `text`; some may be equal or empty."""
    data = text.encode()
    yield data
    quoted = json.dumps(text)[1:-1]
    urls = (quote(text, safe=""), quote(text), quote_plus(text))
    for one in (
        quoted, json.dumps(text, ensure_ascii=False)[1:-1], quoted.replace("/", "\\/"), shlex.quote(text).strip("'"),
        html.escape(text), *urls, *(_lower_escapes(url) for url in urls), repr(text)[1:-1],
    ):  # fmt: skip
        yield one.encode("utf-8", "surrogatepass")
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for shift in range(3):  # the value may stand anywhere in what is encoded
        yield from _encode_base64(data, shift)


def _lower_escapes(url: str) -> str:
    """Return a URL with the letters of its escapes in lower case."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), url)


def _encode_base64(data: bytes, shift: int) -> Iterator[bytes]:
    """Yield `data` in both alphabets of base64, as part of a text that has `shift` bytes before it.

    Leaves out the characters that neighbouring bytes change; yields nothing if fewer than `SHORTEST` are left.
    """
    whole = base64.b64encode(bytes(shift) + data)
    start = (0, 2, 3)[shift]
    end = len(whole.rstrip(b"=")) - (1 if (shift + len(data)) % 3 else 0)
    inner = whole[start:end]
    if len(inner) >= SHORTEST:
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))
