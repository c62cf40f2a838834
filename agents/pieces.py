"""A piece of a document that a model is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a document that a model is asked about."""

    document: Document
    syntax: Syntax
    span: Span

    @property
    def text(self) -> str:
        """It."""
        return self.document.text[self.span.start : self.span.end]

    @property
    def name(self) -> str:
        """What it defines, "" for nothing."""
        return next((one.name for one in self.syntax.symbols if one.span == self.span), "")

    @property
    def title(self) -> str:
        """The name of its file, "" for none: a model need not know where somebody keeps it."""
        return self.document.path.name if self.document.path is not None else ""
