"""Conversion of findings to LSP diagnostics, and to the reports of a document and of the workspace.

Start at `build_diagnostics`.
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

MOST = 1000  # diagnostics of one document; more slow editors down
FIX_CHARACTERS = 4000  # most characters of a fix in `data`; a longer fix is computed again when it is applied
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFORMATION: types.DiagnosticSeverity.Information,
    Severity.HINT: types.DiagnosticSeverity.Hint,
}


FileItem = types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport


class Superseded(JsonRpcException):
    """The error for a request about an older version of a document; the client must not repeat it.

    The client keeps its diagnostics, and asks for those of the new version by itself.
    """

    CODE = types.LSPErrorCodes.ServerCancelled.value
    MESSAGE = "the document has changed since"

    def __init__(self) -> None:
        super().__init__(data={"retriggerRequest": False})


def build_diagnostics(findings: Sequence[Finding], document: OpenText, encoding: str) -> list[types.Diagnostic]:
    """Return the findings of `document` as diagnostics, in their order.

    Of more than `MOST`, only the most severe ones, by place.
    """
    if len(findings) > MOST:
        gravest = sorted(findings, key=lambda finding: SEVERITIES[finding.severity].value)[:MOST]
        findings = sorted(gravest, key=lambda finding: (finding.span.start, finding.span.end))
    return [_build_diagnostic(finding, document, encoding) for finding in findings]


def compute_result_id(items: Sequence[types.Diagnostic]) -> str:
    """Return an id of a report, a hash of its diagnostics: equal reports have equal ids."""
    return hashlib.blake2b(repr(items).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def build_report(
    items: Sequence[types.Diagnostic], previous: str | None
) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
    """Return the answer to `textDocument/diagnostic`: "unchanged" if `previous` is the id of an equal report."""
    identity = compute_result_id(items)
    if identity == previous:
        return types.RelatedUnchangedDocumentDiagnosticReport(result_id=identity)
    return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=identity)


def build_file_report(report: FileReport) -> FileItem:
    """Return one file's part of the answer to `workspace/diagnostic`."""
    if report.items is None:
        return types.WorkspaceUnchangedDocumentDiagnosticReport(uri=report.uri, result_id=report.identity)
    return types.WorkspaceFullDocumentDiagnosticReport(uri=report.uri, items=report.items, result_id=report.identity)


def _build_diagnostic(finding: Finding, document: OpenText, encoding: str) -> types.Diagnostic:
    """Return `finding` as a diagnostic, with the layer, the confidence and the fix in its `data`."""
    tags = [types.DiagnosticTag.Unnecessary] if finding.unnecessary else []
    tags += [types.DiagnosticTag.Deprecated] if finding.deprecated else []
    url = find_explanation_url(finding)
    return types.Diagnostic(
        range=outgoing.compute_range(document, finding.span.start, finding.span.end, encoding),
        message=finding.message,
        severity=SEVERITIES[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(href=url) if url else None,
        source=format_source(finding),
        tags=tags or None,
        data={
            "layer": finding.layer.value,
            "confidence": round(finding.confidence, 3),
            "fix": _describe_fix(finding.fix, document, encoding) if finding.fix is not None else None,
        },
    )


def _describe_fix(fix: Fix, document: OpenText, encoding: str) -> dict[str, Any]:
    """Return `fix` as JSON; `edits` is null if a model has to write the fix, or if it is too long."""
    edits = None
    if fix.edits and sum(len(edit.text) for edit in fix.edits) <= FIX_CHARACTERS:
        edits = [
            {
                "range": outgoing.serialize_range(outgoing.compute_range(document, edit.start, edit.end, encoding)),
                "newText": edit.text,
            }
            for edit in fix.edits
        ]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}
