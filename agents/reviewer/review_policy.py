"""The settings of the review as one frozen record, without behaviour. Start at `ReviewPolicy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.findings import Layer, Severity

SEVERITIES = (Severity.HINT, Severity.INFORMATION, Severity.WARNING, Severity.ERROR)  # least severe first


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Settings of the review.

    Attributes:
        enabled: False turns the review off.
        layers: layers that are enabled.
        rules_off: codes whose findings are dropped: Starling's ("todo-without-owner"), ruff's ("F401", or "F" for all).
        rules_on: codes of rules to run although they are off by default (`Rule.off_by_default`).
        languages_off: names of languages (`Document.language`) that are not reviewed.
        severity: findings below this severity are dropped.
        ruff: "auto" drops findings that the workspace's ruff configuration selects, "always" keeps them,
            "never" does not run ruff.
        ruff_timeout_s: time limit for ruff on one text, seconds.
        batch_timeout_s: time limit for ruff on many files, seconds.
        longest_document: texts with more characters are not reviewed.
        cognitive: highest cognitive complexity of a function without a finding (SonarSource's measure).
        cyclomatic: highest cyclomatic complexity of a function without a finding (McCabe's measure).
        function_lines: most lines of code of a function without a finding; blank lines and comments do not count.
        nesting: most levels of nested statements without a finding.
        parameters: most parameters of a function without a finding; those by keyword or with a default do not count.
        secrets: True to report possible secrets.
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
