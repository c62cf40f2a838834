"""What licence a package states, and whether code under it may be trained on.

Reads a wheel's METADATA or an SPDX expression. Anything copyleft, unknown or missing is refused: when in doubt, left
out. Start at `permissive_family`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

_COPYLEFT = re.compile(
    r"\b[AL]?GPL|\bGNU\b|Lesser General|\bMPL\b|Mozilla|\bEPL\b|Eclipse|\bCDDL\b|\bEUPL\b|CC-BY-(SA|NC)"
    r"|Commercial|Proprietary|Commons[- ]Clause|BSD-Protection",
    re.IGNORECASE,
)
_FAMILIES = (
    ("apache", re.compile(r"apache", re.IGNORECASE)),
    ("mit", re.compile(r"\bMIT\b|\bExpat\b|\bHPND\b|Historical Permission", re.IGNORECASE)),
    ("bsd", re.compile(r"\b0?BSD\b", re.IGNORECASE)),
    ("isc", re.compile(r"\bISCL?\b", re.IGNORECASE)),
    ("psf", re.compile(r"\bPSF\b|Python Software Foundation|Python-2\.0", re.IGNORECASE)),
    ("zpl", re.compile(r"\bZPL\b|Zope Public", re.IGNORECASE)),
    ("zlib", re.compile(r"\bzlib\b", re.IGNORECASE)),
    ("unlicense", re.compile(r"\bunlicense\b|CC0|public[- ]domain", re.IGNORECASE)),  # npm's UNLICENSED is none
)
_COPYLEFT_NOTICE = re.compile(  # in a comment, so there may be a line's end and a star between two words
    r"GNU\W+(\w+\W+)?General\W+Public|\b[AL]?GPL(v?\d|\b)|(Mozilla|Eclipse)\W+Public"
    r"|Common\W+Development\W+and\W+Distribution|Licen[cs]e-Identifier:.*\b(MPL|EPL|CDDL|EUPL)\b",
    re.IGNORECASE,
)


def permissive_family(metadata: Message) -> str:
    """Licence family of a package, "" when it is not known to be permissive.

    `License-Expression` counts before the classifiers and those before the free `License` field: the more formal the
    statement, the surer. In an SPDX expression one permissive side of an OR is enough; both sides of an AND must be.
    """
    expression = metadata.get("License-Expression", "")
    if expression:
        return family_of_expression(expression)
    classifiers = [
        value.rsplit("::", 1)[1].strip()
        for value in metadata.get_all("Classifier", [])
        if value.startswith("License ::") and not value.endswith("OSI Approved")
    ]
    if classifiers:
        families = [_family(value) for value in classifiers]
        return families[0] if all(families) else ""
    lines = metadata.get("License", "").strip().splitlines()
    return _family(lines[0]) if lines else ""


def has_copyleft_notice(text: str) -> bool:
    """Whether a source file's head names a copyleft licence of its own."""
    return bool(_COPYLEFT_NOTICE.search(text[:3000]))


def family_of_expression(expression: str) -> str:
    """Licence family of an expression of SPDX or Debian, "" when it is not known to be permissive.

    OR binds less than AND, and Debian's comma less than both: of "A or B, and C" each side must be permissive.
    """
    while inner := re.search(r"\(([^()]*)\)", expression):
        family = family_of_expression(inner[1]) or "GPL"  # stands for all that is refused
        expression = f"{expression[: inner.start()]} {family} {expression[inner.end() :]}"
    if "(" in expression or ")" in expression:
        return ""
    sides = [_family_of_choice(side) for side in re.split(r",(?:\s*(?:and|or)\b)?", expression, flags=re.IGNORECASE)]
    return sides[0] if all(sides) else ""


def _family_of_choice(expression: str) -> str:
    for side in re.split(r"\sor\s", expression, flags=re.IGNORECASE):
        families = [_family(part) for part in re.split(r"\band\b", side, flags=re.IGNORECASE)]
        if all(families):
            return families[0]
    return ""


def _family(statement: str) -> str:
    if _COPYLEFT.search(statement):
        return ""
    return next((name for name, pattern in _FAMILIES if pattern.search(statement)), "")
