"""What a person may decide about the review, as one frozen record. Holds no behaviour; start at `ReviewPolicy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.findings import Layer, Severity

SEVERITIES = (Severity.HINT, Severity.INFORMATION, Severity.WARNING, Severity.ERROR)  # least severe first


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """How the review behaves.

    Attributes:
        enabled: false finds nothing.
        layers: the layers that look.
        rules_off: codes whose findings are dropped, ours ("todo-without-owner") and ruff's ("F401", or "F" for all).
        rules_on: codes of rules that are off by default (`Rule.asked_only`) and speak here.
        languages_off: names of languages (`Document.language`) without review.
        severity: the least severe kind of finding that is kept.
        ruff: "auto" leaves to the workspace's own ruff what its configuration selects; "always" reports that too;
            "never" does not run ruff.
        ruff_timeout_s: longest wait for ruff over one text, seconds.
        batch_timeout_s: longest wait for ruff over many files, seconds.
        longest_document: texts longer than this, in characters, are not looked at.
        cognitive: most cognitive complexity of a function that is no finding (SonarSource's measure).
        cyclomatic: most cyclomatic complexity of a function that is no finding (McCabe's measure).
        function_lines: most lines of code of a function that is no finding; blank lines and comments do not count.
        nesting: most levels of nested statements that are no finding.
        parameters: most parameters without a default that a caller may give by position.
        secrets: look for possible secrets.
    """

    enabled: bool = True
    layers: frozenset[Layer] = frozenset(Layer)
    rules_off: frozenset[str] = frozenset()
    rules_on: frozenset[str] = frozenset()
    languages_off: frozenset[str] = frozenset()
    severity: Severity = Severity.HINT
    ruff: Literal["auto", "always", "never"] = "auto"
    ruff_timeout_s: float = 5.0
    batch_timeout_s: float = 120.0
    longest_document: int = 10_000_000
    cognitive: int = 30
    cyclomatic: int = 25
    function_lines: int = 120
    nesting: int = 5
    parameters: int = 7
    secrets: bool = True
