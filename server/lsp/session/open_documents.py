"""The documents that are open in the editor (files, untitled texts, notebook cells), one immutable value per version.

A change makes a new `OpenText`; requests that still use the old one are not affected. Offsets are code points
(`server.lsp.conversion.incoming` converts UTF-8 and UTF-16 units). Never reads the disk or the index. Start at
`OpenText.with_replacement` and `Documents`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from server.lsp.session.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexing.syntax.documents import Document

MAX_CHARACTERS = 16_000_000  # larger texts are not kept, for each key would copy them
SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class OpenText:
    """An open document at one version.

    Attributes:
        uri: the document's URI, as the editor writes it.
        path: absolute path of the file on disk, or None.
        language: Starling's name of the language (`indexing.syntax.languages`).
        version: the editor's version number.
        text: exactly the editor's text; "" if `oversized`.
        lines: the line starts of `text`.
        container: path of the notebook that a cell belongs to, or None.
        lone: whether `text` may hold lone surrogates, which cannot be encoded.
        oversized: whether the text was too large to keep; nothing is completed in it until the editor sends it again.
        cell: whether the document is a cell of a notebook, which need not be a file.
        origins: further paths that the URI stands for (`indexing.workspace.origins`), a cell's notebook first.
    """

    uri: str
    path: Path | None
    language: str
    version: int
    text: str
    lines: Lines = field(repr=False)
    container: Path | None = None
    lone: bool = False
    oversized: bool = False
    cell: bool = False
    origins: tuple[Path, ...] = ()

    @classmethod
    def of(  # noqa: PLR0913 (what the editor sends with a document)
        cls, uri: str, path: Path | None, language: str, version: int, text: str, *, container: Path | None = None
    ) -> OpenText:
        """Return a newly opened document; the text of an oversized one is dropped."""
        oversized = len(text) > MAX_CHARACTERS
        held = "" if oversized else text
        return cls(uri, path, language, version, held, Lines.of(held), container, _has_surrogates(held), oversized)

    def with_text(self, text: str) -> OpenText:
        """Return the document with `text` as its whole text, which is dropped if it is too large."""
        whole = OpenText.of(self.uri, self.path, self.language, self.version, text, container=self.container)
        return replace(whole, cell=self.cell, origins=self.origins)

    def with_replacement(self, start: int, end: int, text: str) -> OpenText:
        """Return the document with the text between the offsets `start` and `end` replaced by `text`.

        An oversized document stays as it is, for its text is not known. One that becomes oversized loses its text.
        """
        if self.oversized:
            return self
        whole = self.text[:start] + text + self.text[end:]
        if len(whole) > MAX_CHARACTERS:
            return self.with_text(whole)
        lone = self.lone or _has_surrogates(text)
        if lone and (joined := _join_surrogates(whole)) != whole:
            return self.with_text(joined)
        first, last = self.lines.find_line(start), self.lines.find_line(end)
        if first == last and "\n" not in text and "\r" not in text and whole[start - 1 : start] != "\r":
            lines = self.lines.with_shift(first, len(whole) - len(self.text))  # nearly every key
        else:
            lines = self.lines.with_edit(whole, first, last)
        return replace(self, text=whole, lines=lines, lone=lone)

    def with_version(self, version: int) -> OpenText:
        """Return the document with the version number `version`."""
        return replace(self, version=version)

    @cached_property
    def record(self) -> Document:
        """The document for the core: the same offsets, with U+FFFD for each lone surrogate."""
        from indexing.syntax.documents import Document  # noqa: PLC0415 (10 ms that the answer to `initialize` need not wait for)

        text = SURROGATE.sub(REPLACEMENT, self.text) if self.lone else self.text
        return Document(self.uri, self.path, self.language, text, self.version, self.origins, self.cell)


class Documents:
    """The open documents by URI. Mutable; only the event loop may use it."""

    def __init__(self) -> None:
        self._open: dict[str, OpenText] = {}
        self._synced_at: dict[str, float] = {}

    def put(self, document: OpenText) -> OpenText:
        """Add a document or replace its older version; return it."""
        self._open[document.uri] = document
        self._synced_at.setdefault(document.uri, time.time())
        return document

    def note_saved(self, uri: str) -> None:
        """Note that the editor has just written the document `uri` to its file; do nothing if it is not open."""
        if uri in self._open:
            self._synced_at[uri] = time.time()

    def get_synced_at(self, uri: str) -> float:
        """Return when the editor last read or wrote the file of an open document, seconds since the epoch; else 0."""
        return self._synced_at.get(uri, 0.0)

    def get(self, uri: str) -> OpenText | None:
        """Return the newest version of the document `uri`, None if it is not open."""
        return self._open.get(uri)

    def drop(self, uri: str) -> OpenText | None:
        """Remove and return the document `uri`; None if it was not open."""
        self._synced_at.pop(uri, None)
        return self._open.pop(uri, None)

    def __iter__(self) -> Iterator[OpenText]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)


def _has_surrogates(text: str) -> bool:
    """Return whether `text` holds surrogates, which in Python are never parts of a pair."""
    return not text.isascii() and SURROGATE.search(text) is not None


def _join_surrogates(text: str) -> str:
    """Return `text` with adjacent high and low surrogates, which an edit may bring together, as one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
