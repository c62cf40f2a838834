"""The seam for layers beside the static one: each looks at functions of a text and answers with findings in them.

The reviewer gives only functions that changed, keeps the answers, and drops those of files that no model may see. Start
at `Examiner`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from agents.findings import Layer
from agents.reviewer.scanning import nodes
from agents.reviewer.scanning.scan import Scan
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.findings import Finding
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

QUICK = frozenset({Layer.STATIC})  # layers that answer while a person types


@dataclass(frozen=True, slots=True)
class Unit:
    """A function or method that is looked at as a whole, with the functions inside of it.

    Attributes:
        name: as it is written, "" for none.
        span: code points of the document.
        digest: of its text; an unchanged unit is not looked at again.
    """

    name: str
    span: Span
    digest: bytes


class Examiner(Protocol):
    """A layer that examines functions one by one, slowly (a model computes)."""

    @property
    def layer(self) -> Layer:
        """Which layer it is."""
        ...

    @property
    def identity(self) -> str:
        """What its answers depend on beside the code: model, threshold, version."""
        ...

    def examine(
        self, document: Document, units: Sequence[Unit], cancelled: Callable[[], bool], *, whole: bool = True
    ) -> Iterable[tuple[Unit, tuple[Finding, ...]]]:
        """The findings of each unit as they come, spans of the document; ends early when `cancelled`.

        Unless somebody asked for the `whole`, a layer that costs money may leave out what was there all along.
        """
        ...


def units(document: Document, syntax: Syntax) -> tuple[Unit, ...]:
    """The outermost functions of a text that parse, in order."""
    scan = Scan.of(document, syntax)
    if scan is None:
        return ()
    found = []
    for item in scan.of_role("function"):
        if item.function is not None or item.node.has_error:
            continue
        name = nodes.name_of(item.node)
        span = Span(scan.lines.to_point(item.start), scan.lines.to_point(item.end))
        digest = hashlib.blake2b(scan.bytes(item.node), digest_size=16).digest()
        found.append(Unit(scan.text(name) if name.end_byte - name.start_byte < 200 else "", span, digest))
    return tuple(found)


def moved(finding: Finding, by: int) -> Finding:
    """The finding with its places shifted by `by` code points."""
    fix = finding.fix
    if fix is not None:
        fix = replace(fix, edits=tuple(replace(e, start=e.start + by, end=e.end + by) for e in fix.edits))
    return replace(finding, span=Span(finding.span.start + by, finding.span.end + by), fix=fix)


def digest(text: str) -> bytes:
    """Identity of a text."""
    return hashlib.blake2b(texts.encode(text), digest_size=16).digest()
