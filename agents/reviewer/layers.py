"""The interface of the layers beside the static one: each examines functions of a text and returns findings in them.

The reviewer passes only functions that changed, caches the findings, and passes no file that models may not see. Start
at `Examiner`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from agents.reviewer.scanning import nodes
from agents.reviewer.scanning.scan import Scan
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.findings import Finding, Layer
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax


@dataclass(frozen=True, slots=True)
class Unit:
    """A function or method that is examined as a whole, including the functions inside it.

    Attributes:
        name: as written in the code, "" if it has none or a name of 200 bytes or more.
        span: in code points of the document.
        digest: hash of its text; a unit with a known digest is not examined again.
    """

    name: str
    span: Span
    digest: bytes


class Examiner(Protocol):
    """A layer that examines functions one by one with a model, which is slow."""

    @property
    def layer(self) -> Layer:
        """Layer that the findings belong to."""
        ...

    @property
    def identity(self) -> str:
        """Key of all that findings depend on besides the code: model, threshold, prompts."""
        ...

    def examine(
        self, document: Document, units: Sequence[Unit], cancelled: Callable[[], bool], *, whole: bool = True
    ) -> Iterable[tuple[Unit, tuple[Finding, ...]]]:
        """Yield each unit with its findings, whose spans are in the document; ends early if `cancelled`.

        If `whole` is False, a layer that costs money may skip units unchanged since the document was first seen.
        """
        ...


def find_units(document: Document, syntax: Syntax) -> tuple[Unit, ...]:
    """Return the document's functions without syntax errors, in order; leaves out functions inside other functions.

    Returns () if the document was not parsed.
    """
    scan = Scan.of(document, syntax)
    if scan is None:
        return ()
    found = []
    for item in scan.get_items("function"):
        if item.function is not None or item.node.has_error:
            continue
        name = nodes.find_name(item.node)
        span = Span(scan.lines.to_code_point(item.start), scan.lines.to_code_point(item.end))
        digest = hashlib.blake2b(scan.read_bytes(item.node), digest_size=16).digest()
        found.append(Unit(scan.read_text(name) if name.end_byte - name.start_byte < 200 else "", span, digest))
    return tuple(found)


def shift_finding(finding: Finding, by: int) -> Finding:
    """Return `finding` with its span and the edits of its fix shifted by `by` code points."""
    fix = finding.fix
    if fix is not None:
        fix = replace(fix, edits=tuple(replace(e, start=e.start + by, end=e.end + by) for e in fix.edits))
    return replace(finding, span=Span(finding.span.start + by, finding.span.end + by), fix=fix)


def digest_text(text: str) -> bytes:
    """Return a 16-byte hash of `text`."""
    return hashlib.blake2b(texts.encode(text), digest_size=16).digest()
