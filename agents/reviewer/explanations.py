"""Sources of findings and the pages that explain their rules: a bundled page, or one on the site of another tool.

Imports nothing slow. Start at `find_explanation_url`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.findings import Finding

SOURCE = "Starling"


def locate_rules_page() -> Path:
    """Return the path of the page that explains Starling's rules, one heading for each."""
    return Path(__file__).with_name("RULES.md")


def format_source(finding: Finding) -> str:
    """Return the source of a finding as an editor shows it: "Starling", or "Starling (ruff)"."""
    return SOURCE if finding.source in {"", SOURCE.lower()} else f"{SOURCE} ({finding.source})"


def find_explanation_url(finding: Finding) -> str:
    """Return the URL that explains the finding's rule, "" if there is none."""
    return finding.url or (f"{_get_rules_uri()}#{finding.code}" if format_source(finding) == SOURCE else "")


@functools.cache
def _get_rules_uri() -> str:
    """Return the URI of the page that explains Starling's rules; cached."""
    return locate_rules_page().as_uri()
