"""Rule 4, the safe fix of a finding on the lines that were just edited. Start at `list_fixes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.next_edit.history import find_line_span
from agents.next_edit.next_edits import Candidate, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.findings import Finding
    from agents.next_edit.history import PastEdit
    from indexing.syntax.documents import Document


def list_fixes(findings: Iterable[Finding], edit: PastEdit, document: Document) -> Iterator[Candidate]:
    """Yield the safe fixes, of one replacement each, of `findings` that touch the lines of `edit`."""
    first, last = find_line_span(document.text, edit.start, edit.end)
    for finding in findings:
        fix = finding.fix
        if fix is None or not fix.safe or len(fix.edits) != 1:
            continue
        if finding.span.start <= last and first <= finding.span.end:
            one = fix.edits[0]
            yield Candidate(document.uri, one.start, one.end, one.text, Kind.FIX, finding.message, (finding.code, ""))
