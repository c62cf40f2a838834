"""The texts that are open in the editor: files, untitled documents and notebook cells, one frozen value per version.

A change makes a new `OpenText` and leaves the old one to whoever still works with it, so a request's snapshot is the
value itself. Offsets are code points; nothing here knows what a UTF-16 unit is (`server.lsp.conversion.incoming`
does), reads a disk or asks the index. Start at `OpenText.replaced` and `Documents`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from server.lsp.session.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexing.syntax.documents import Document

MAX_CHARACTERS = 16_000_000  # a larger text is not kept: nobody completes code in it, and every key would copy it
SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class OpenText:
    """An open document at one version.

    Attributes:
        uri: the editor's name of it.
        path: absolute path of the file on disk, or None.
        language: our name of the language.
        version: the editor's version number.
        text: exactly what the editor shows; "" when `oversized`.
        lines: index of `text`.
        container: the notebook file that a cell belongs to, or None.
        lone: whether `text` may hold lone surrogates, which no encoding can carry.
        oversized: whether the text was too large to keep; nothing is completed in it until it is sent anew.
        cell: whether it is a cell of a notebook, which need not be a file.
        origins: other paths that the URI stands for (`indexing.workspace.origins`), that of a cell's notebook first.
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
        """A document as it is opened."""
        oversized = len(text) > MAX_CHARACTERS
        kept = "" if oversized else text
        return cls(uri, path, language, version, kept, Lines.of(kept), container, _has_lone(kept), oversized)

    def rewritten(self, text: str) -> OpenText:
        """With another text altogether."""
        whole = OpenText.of(self.uri, self.path, self.language, self.version, text, container=self.container)
        return replace(whole, cell=self.cell, origins=self.origins)

    def replaced(self, start: int, end: int, text: str) -> OpenText:
        """With [start, end) replaced by `text`."""
        if self.oversized:
            return self
        whole = self.text[:start] + text + self.text[end:]
        if len(whole) > MAX_CHARACTERS:
            return self.rewritten(whole)
        lone = self.lone or _has_lone(text)
        if lone and (joined := _joined(whole)) != whole:
            return self.rewritten(joined)
        first, last = self.lines.line_at(start), self.lines.line_at(end)
        if first == last and "\n" not in text and "\r" not in text and whole[start - 1 : start] != "\r":
            lines = self.lines.shifted(first, len(whole) - len(self.text))  # nearly every key
        else:
            lines = self.lines.edited(whole, first, last)
        return replace(self, text=whole, lines=lines, lone=lone)

    def at_version(self, version: int) -> OpenText:
        """The same text under the editor's new version number."""
        return replace(self, version=version)

    @cached_property
    def record(self) -> Document:
        """The snapshot for the core: same offsets, and every lone surrogate a replacement character."""
        from indexing.syntax.documents import Document  # noqa: PLC0415 (10 ms that the answer to `initialize` need not wait for)

        text = SURROGATE.sub(REPLACEMENT, self.text) if self.lone else self.text
        return Document(self.uri, self.path, self.language, text, self.version, self.origins, self.cell)


class Documents:
    """The open documents by URI; the one mutable thing here, touched by the event loop only."""

    def __init__(self) -> None:
        self._open: dict[str, OpenText] = {}

    def put(self, document: OpenText) -> OpenText:
        """Open a document, or set a newer version of it."""
        self._open[document.uri] = document
        return document

    def get(self, uri: str) -> OpenText | None:
        """The document as it stands, None when it is not open."""
        return self._open.get(uri)

    def drop(self, uri: str) -> OpenText | None:
        """Close it; closing what is not open is harmless."""
        return self._open.pop(uri, None)

    def __iter__(self) -> Iterator[OpenText]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)


def _has_lone(text: str) -> bool:
    return not text.isascii() and SURROGATE.search(text) is not None


def _joined(text: str) -> str:
    """With surrogates that an edit brought side by side as the one character they are to the editor."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
