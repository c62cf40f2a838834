"""From findings to LSP diagnostics, and to the reports of both ways of pulling them.

Decides nothing about what is found. Start at `diagnostics_of`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from agents.findings import Severity
from agents.reviewer.explanations import find_explanation_url, format_source
from server.lsp.conversion import outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.findings import Finding, Fix
    from server.lsp.conversion.file_report import FileReport
    from server.lsp.session.open_documents import OpenText

MOST = 1000  # of one text; nobody reads more, and editors slow down
FIX_CHARACTERS = 4000  # of edits in `data`; a longer fix is looked up by whoever applies it
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}


FileItem = types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport


class Superseded(JsonRpcException):
    """The text is another now, and for that the client asks by itself; what it shows stays until then."""

    CODE = types.LSPErrorCodes.ServerCancelled.value
    MESSAGE = "the document has changed since"

    def __init__(self) -> None:
        super().__init__(data={"retriggerRequest": False})


def diagnostics_of(findings: Sequence[Finding], document: OpenText, encoding: str) -> list[types.Diagnostic]:
    """The findings of a review of `document` as it stands, in their order; the gravest where there are too many."""
    if len(findings) > MOST:
        gravest = sorted(findings, key=lambda finding: SEVERITIES[finding.severity].value)[:MOST]
        findings = sorted(gravest, key=lambda finding: (finding.span.start, finding.span.end))
    return [_diagnostic(finding, document, encoding) for finding in findings]


def result_id(items: Sequence[types.Diagnostic]) -> str:
    """Equal for equal reports, whatever version of the text they are about."""
    return hashlib.blake2b(repr(items).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def report(
    items: Sequence[types.Diagnostic], previous: str | None
) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
    """The answer to `textDocument/diagnostic`; short when the client has it already, as `previous`."""
    identity = result_id(items)
    if identity == previous:
        return types.RelatedUnchangedDocumentDiagnosticReport(result_id=identity)
    return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=identity)


def file_report(report: FileReport) -> FileItem:
    """One file's part of the answer to `workspace/diagnostic`."""
    if report.items is None:
        return types.WorkspaceUnchangedDocumentDiagnosticReport(uri=report.uri, result_id=report.identity)
    return types.WorkspaceFullDocumentDiagnosticReport(uri=report.uri, items=report.items, result_id=report.identity)


def _diagnostic(finding: Finding, document: OpenText, encoding: str) -> types.Diagnostic:
    tags = [types.DiagnosticTag.Unnecessary] if finding.unnecessary else []
    tags += [types.DiagnosticTag.Deprecated] if finding.deprecated else []
    url = find_explanation_url(finding)
    return types.Diagnostic(
        range=outgoing.range_of(document, finding.span.start, finding.span.end, encoding),
        message=finding.message,
        severity=SEVERITIES[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(href=url) if url else None,
        source=format_source(finding),
        tags=tags or None,
        data={
            "layer": finding.layer.value,
            "confidence": round(finding.confidence, 3),
            "fix": _fix(finding.fix, document, encoding) if finding.fix is not None else None,
        },
    )


def _fix(fix: Fix, document: OpenText, encoding: str) -> dict[str, Any]:
    """What applies the fix; `edits` is null where a model writes it, or where it is too long to travel."""
    edits = None
    if fix.edits and sum(len(edit.text) for edit in fix.edits) <= FIX_CHARACTERS:
        edits = [
            {"range": _plain(outgoing.range_of(document, edit.start, edit.end, encoding)), "newText": edit.text}
            for edit in fix.edits
        ]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}


def _plain(span: types.Range) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": span.start.line, "character": span.start.character},
        "end": {"line": span.end.line, "character": span.end.character},
    }
