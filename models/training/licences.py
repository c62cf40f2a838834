"""Licences that packages state, and a check whether their code may be used for training.

Reads a wheel's METADATA or an SPDX expression (https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/).
Licences that are copyleft, unknown or missing are refused. Start at `find_permissive_family`.
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


def find_permissive_family(metadata: Message) -> str:
    """Return the licence family that a wheel's METADATA states ("mit", "bsd"); "" if it is not known to be permissive.

    `License-Expression` takes precedence over the classifiers, and they over the field `License`.
    """
    expression = metadata.get("License-Expression", "")
    if expression:
        return find_expression_family(expression)
    classifiers = [
        value.rsplit("::", 1)[1].strip()
        for value in metadata.get_all("Classifier", [])
        if value.startswith("License ::") and not value.endswith("OSI Approved")
    ]
    if classifiers:
        families = [_find_family(value) for value in classifiers]
        return families[0] if all(families) else ""
    lines = metadata.get("License", "").strip().splitlines()
    return _find_family(lines[0]) if lines else ""


def has_copyleft_notice(text: str) -> bool:
    """Return whether the head of a source file names a copyleft licence."""
    return bool(_COPYLEFT_NOTICE.search(text[:3000]))


def find_expression_family(expression: str) -> str:
    """Return the licence family of an SPDX or Debian expression; "" if it is not known to be permissive.

    One permissive side of an OR is enough; both sides of an AND must be permissive. OR binds less tightly than AND, and
    Debian's comma less than both: of "A or B, and C" both "A or B" and "C" must be permissive.
    """
    while inner := re.search(r"\(([^()]*)\)", expression):
        family = find_expression_family(inner[1]) or "GPL"  # for any refused licence
        expression = f"{expression[: inner.start()]} {family} {expression[inner.end() :]}"
    if "(" in expression or ")" in expression:
        return ""
    sides = [_find_choice_family(side) for side in re.split(r",(?:\s*(?:and|or)\b)?", expression, flags=re.IGNORECASE)]
    return sides[0] if all(sides) else ""


def _find_choice_family(expression: str) -> str:
    """Return the licence family of the first permissive side of an OR; "" if no side is permissive."""
    for side in re.split(r"\sor\s", expression, flags=re.IGNORECASE):
        families = [_find_family(part) for part in re.split(r"\band\b", side, flags=re.IGNORECASE)]
        if all(families):
            return families[0]
    return ""


def _find_family(statement: str) -> str:
    """Return the permissive licence family that `statement` names; "" if it names none or a copyleft licence."""
    if _COPYLEFT.search(statement):
        return ""
    return next((name for name, pattern in _FAMILIES if pattern.search(statement)), "")
