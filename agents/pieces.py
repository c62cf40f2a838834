"""A part of a document that a model is asked about. Start at `Piece`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a document, with the document's syntax."""

    document: Document
    syntax: Syntax
    span: Span

    @property
    def text(self) -> str:
        """The text of the span."""
        return self.document.text[self.span.start : self.span.end]

    @property
    def name(self) -> str:
        """The name of the symbol that has exactly this span, "" for none."""
        return next((one.name for one in self.syntax.symbols if one.span == self.span), "")

    @property
    def title(self) -> str:
        """The name of the file, "" for none; without folders, which a model need not know."""
        return self.document.path.name if self.document.path is not None else ""
