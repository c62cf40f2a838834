"""Who says a finding, and where its rule is explained: our own rules on a page that is shipped, others on theirs.

Imports nothing slow. Start at `explanation_of`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.findings import Finding

SOURCE = "Starling"


def rules_page() -> Path:
    """The page that explains our own rules, one heading each."""
    return Path(__file__).with_name("RULES.md")


def source_of(finding: Finding) -> str:
    """Who says so, as an editor shows it."""
    return SOURCE if finding.source in {"", SOURCE.lower()} else f"{SOURCE} ({finding.source})"


def explanation_of(finding: Finding) -> str:
    """Where the rule is explained, a URL."""
    return finding.url or (f"{_rules_uri()}#{finding.code}" if source_of(finding) == SOURCE else "")


@functools.cache
def _rules_uri() -> str:
    return rules_page().as_uri()
