"""The parse cache: the syntax trees of the documents being typed in, each made from the one before it.

One for a core, shared by completion, review, code actions and proposals. Keeps a handful of trees and never parses what
the index parses. Start at `SyntaxTrees.of`.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

KEPT = 8


class SyntaxTrees:
    """The newest tree of each of the last few documents. Thread-safe: trees are immutable, the newest wins."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: OrderedDict[str, tuple[Document, Syntax]] = OrderedDict()

    def of(self, document: Document) -> Syntax:
        """Return the tree of `document`, made incrementally from the last version's; blocking."""
        from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loads the parser with the first request

        with self._lock:
            known = self._newest.get(document.uri)
        if known is not None and known[0].language == document.language:
            if known[0].text == document.text:
                return known[1]
            syntax = Syntax.of(document, known[1])
        else:
            syntax = Syntax.of(document)
        with self._lock:
            self._newest[document.uri] = (document, syntax)
            self._newest.move_to_end(document.uri)
            while len(self._newest) > KEPT:
                self._newest.popitem(last=False)
        return syntax

    def knows(self, document: Document) -> bool:
        """Whether the tree of exactly this text is there, so that `of` costs nothing; microseconds."""
        known = self._newest.get(document.uri)
        return known is not None and (known[0].language, known[0].text) == (document.language, document.text)

    def forget(self, uri: str) -> None:
        """Drop the tree of a closed document."""
        with self._lock:
            self._newest.pop(uri, None)
