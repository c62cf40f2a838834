"""Findings of a review and what would mend them. Offsets are code points of the reviewed text. Start at `Finding`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.edits import Edit
    from indexing.syntax.documents import Span


class Severity(StrEnum):
    """How much a finding matters, in the editor's words."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


class Layer(StrEnum):
    """Which of the reviewer's layers found it."""

    STATIC = "static"  # by syntax, and by ruff
    LIKELIHOOD = "likelihood"  # the completion model finds an alternative far more likely
    MODEL = "model"  # a chat model's review


@dataclass(frozen=True, slots=True)
class Fix:
    """What would mend a finding.

    Attributes:
        title: an imperative for the person who chooses it.
        edits: in the reviewed document, in order and not overlapping; empty when a model has to write them first.
        safe: cannot change what the program does; only such fixes are applied together (`source.fixAll`).
    """

    title: str
    edits: tuple[Edit, ...] = ()
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of the reviewer.

    Attributes:
        code: the rule's name in kebab-case ("mutable-default"), or another tool's own code ("F401").
        severity: how much it matters.
        span: what it is about, code points of the reviewed text; never empty unless the text is.
        message: one or two sentences: what is there, and why it matters.
        layer: which layer found it.
        source: "starling", or the tool that found it ("ruff").
        fix: what would mend it, None where nothing can be offered.
        confidence: estimated probability that a person agrees, 0 to 1.
        unnecessary: the code can go (editors dim it).
        deprecated: what it uses is deprecated (editors strike it out).
        url: where the rule is explained, "" for our own rules, whose page the server knows.
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
