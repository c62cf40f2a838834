"""One document in figures: where it does not parse, and its functions measured. Start at `broken` and `measured`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer.scanning import metrics
from agents.reviewer.scanning.scan import Scan
from indexing.syntax import texts
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from agents.reviewer.scanning.metrics import TextMetrics
    from indexing.syntax.documents import Document

MOST = 100  # places that do not parse; behind the first few everything looks broken


def broken(syntax: Syntax) -> tuple[Span, ...] | None:
    """Places that do not parse, in order, at most `MOST`; None where there is no grammar, or the text is too large."""
    parsed = syntax.parsed
    if parsed is None:
        return None
    if not syntax.error_count():
        return ()
    import tree_sitter  # noqa: PLC0415 (loaded long ago: there is a tree)

    bad = tree_sitter.QueryCursor(parsed.grammar.errors).captures(parsed.tree.root_node).get("bad", ())
    lines = texts.ByteLines(syntax.text, parsed.data)
    bytes_of = sorted({(node.start_byte, node.end_byte) for node in bad})[:MOST]
    return tuple(Span(lines.to_point(start), lines.to_point(end)) for start, end in bytes_of)


def measured(document: Document) -> TextMetrics | None:
    """The document's functions in figures; None where its language has no grammar or no rules, or it is too large."""
    scan = Scan.of(document, Syntax.of(document))
    return metrics.measure(scan) if scan is not None else None
