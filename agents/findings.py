"""Findings of a review, and their fixes. Offsets are code points of the reviewed text. Start at `Finding`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.edits import Edit
    from indexing.syntax.documents import Span


class Severity(StrEnum):
    """Importance of a finding, by the names of LSP diagnostics."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


class Layer(StrEnum):
    """The layer of the reviewer that reported a finding."""

    STATIC = "static"  # by syntax, and by ruff
    LIKELIHOOD = "likelihood"  # the completion model finds an alternative far more likely
    MODEL = "model"  # a chat model's review


QUICK = frozenset({Layer.STATIC})  # layers that are fast enough to run while a person types


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit that removes a finding.

    Attributes:
        title: an imperative for the person who chooses it.
        edits: edits of the reviewed document, sorted by place, not overlapping; empty where a model has to write them.
        safe: whether it cannot change what the program does; only safe fixes are applied together (`source.fixAll`).
    """

    title: str
    edits: tuple[Edit, ...] = ()
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem that the reviewer reports.

    Attributes:
        code: the rule's name in kebab-case ("mutable-default"), or another tool's own code ("F401").
        severity: importance, as the editor shows it.
        span: the code that it is about, code points of the reviewed text; empty only if the text is.
        message: one or two sentences: what is there, and why it matters.
        layer: the layer that reported it.
        source: "starling", or the tool that reported it ("ruff").
        fix: its fix, None where none can be offered.
        confidence: estimated probability that a person agrees, 0 to 1.
        unnecessary: whether the code can go (editors dim it).
        deprecated: whether the code uses something deprecated (editors strike it out).
        url: page that explains the rule, "" for Starling's own rules, whose page the server knows.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    layer: Layer = Layer.STATIC
    source: str = "starling"
    fix: Fix | None = None
    confidence: float = 1.0
    unnecessary: bool = False
    deprecated: bool = False
    url: str = ""
