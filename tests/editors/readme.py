"""Blocks of configuration from the documents of the editors, for the tests. Start at `read_block`."""

from __future__ import annotations

import re
from pathlib import Path

EDITORS = Path(__file__).resolve().parents[2] / "docs" / "editors"


def read_block(section: str, language: str, file: str) -> str:
    """Return the first code block in `language` below the heading `section` of the page `file` of `docs/editors/`."""
    text = (EDITORS / file).read_text(encoding="utf-8")
    below = re.split(rf"^#+ {re.escape(section)}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    found = re.search(rf"^```{language}\n(.*?)^```$", below, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{file} has no block of {language} below {section}"
    return found[1]
