"""The parse cache: the syntax of the documents being typed in, each parsed incrementally from the version before.

Completion, review, code actions and proposals share one cache. The index does not use it. Start at `SyntaxTrees.of`.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

KEPT = 8  # documents


class SyntaxTrees:
    """The latest syntax of each of the last few documents. Thread-safe: values are immutable, the last one wins."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: OrderedDict[str, tuple[Document, Syntax]] = OrderedDict()

    def of(self, document: Document) -> Syntax:
        """Return the syntax of `document`, parsed incrementally from the last version's; blocks while it parses."""
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

    def is_cached(self, document: Document) -> bool:
        """Return whether the syntax of exactly this text is cached; takes microseconds."""
        known = self._newest.get(document.uri)
        return known is not None and (known[0].language, known[0].text) == (document.language, document.text)

    def forget(self, uri: str) -> None:
        """Drop the syntax of the closed document `uri`."""
        with self._lock:
            self._newest.pop(uri, None)
