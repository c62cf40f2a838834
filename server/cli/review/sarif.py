"""Findings as SARIF 2.1.0, which code hosts and editors read (OASIS, Static Analysis Results Interchange Format).

Reads and writes no files. Start at `build_log`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agents.findings import Severity
from agents.reviewer.explanations import find_explanation_url, format_source
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.findings import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a finding: lines and columns (characters) from 1; the end column is after the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


def build_log(found: Sequence[tuple[Finding, Place]], problem: str = "") -> dict[str, Any]:
    """Return the findings as a SARIF log with one run; `problem` says why findings may be missing, "" if none are."""
    rules: dict[str, dict[str, Any]] = {}
    for finding, _ in found:
        rules.setdefault(finding.code, _describe_rule(finding))
    numbers = {code: number for number, code in enumerate(rules)}
    driver = {"name": "Starling", "semanticVersion": VERSION, "version": VERSION, "rules": list(rules.values())}
    notes = [{"level": "warning", "message": {"text": problem}}] if problem else []
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [_describe_result(finding, place, numbers[finding.code]) for finding, place in found],
            }
        ],
    }


def _describe_rule(finding: Finding) -> dict[str, Any]:
    """Return SARIF's description of the rule of a finding."""
    rule: dict[str, Any] = {
        "id": finding.code,
        "shortDescription": {"text": f"{format_source(finding)}: {finding.code}"},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"tags": [finding.layer.value]},
    }
    if (url := find_explanation_url(finding)).startswith("https:"):  # a page on this machine has no use elsewhere
        rule["helpUri"] = url
    return rule


def _describe_result(finding: Finding, place: Place, rule: int) -> dict[str, Any]:
    """Return SARIF's result for a finding; `rule` is the index of its rule."""
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    artifact = {"uri": _format_uri(place.file)}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "partialFingerprints": {"starling/v1": _hash_finding(finding, place)},
        "rank": round(100 * finding.confidence, 1),
    }


def _hash_finding(finding: Finding, place: Place) -> str:
    """Return a hash of code, file, message and column; it stays the same when the finding moves to another line."""
    key = f"{finding.code}\0{place.file}\0{finding.message}\0{place.column}"
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _format_uri(file: str) -> str:
    """Return the `file:` URI of an absolute path; a relative path stays relative, percent-encoded."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")
