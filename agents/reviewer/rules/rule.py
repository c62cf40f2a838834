"""The record of a rule: its code, its severity and the function that finds its places. Start at `Rule`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import tree_sitter

    from agents.findings import Severity
    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan
    from indexing.syntax.documents import Document


@dataclass(frozen=True, slots=True)
class ByteEdit:
    """An edit that replaces the bytes [start, end) by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class ByteFix:
    """A fix with byte offsets; `agents.findings.Fix` has the same parts with code points."""

    title: str
    edits: tuple[ByteEdit, ...]
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One place that a rule reports.

    Attributes:
        start: byte offset in the parsed text; for a `TextRule`, a code-point offset.
        end: likewise, exclusive.
        message: what is wrong and why it matters.
        fix: None if no fix is certain to be right.
        severity: None for the severity of the rule.
    """

    start: int
    end: int
    message: str
    fix: ByteFix | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about syntax.

    Attributes:
        code: name in kebab-case; also its heading in `RULES.md`.
        severity: of its findings, unless a hit has its own.
        roles: roles of the items that `find` is called for.
        find: yields the hits at one item.
        equivalents: codes of the same rule in other linters, which report the same lines.
        unnecessary: the reported code can be deleted (editors dim it).
        languages: Starling's names of the languages it is for; empty for all.
        required_words: the rule is skipped for a text that contains none of these; empty to run it always.
        off_by_default: it runs only if `review.rulesOn` names it.
    """

    code: str
    severity: Severity
    roles: tuple[str, ...]
    find: Callable[[Scan, Item, ReviewPolicy], Iterable[Hit]]
    equivalents: tuple[str, ...] = ()
    unnecessary: bool = False
    languages: frozenset[str] = frozenset()
    required_words: tuple[bytes, ...] = ()
    off_by_default: bool = False


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule about plain text, which needs no grammar; its fields mean the same as those of `Rule`."""

    code: str
    severity: Severity
    find: Callable[[Document, ReviewPolicy], Iterable[Hit]]
    equivalents: tuple[str, ...] = ()
    unnecessary: bool = False


def make_hit(node: tree_sitter.Node, message: str, fix: ByteFix | None = None, severity: Severity | None = None) -> Hit:
    """Return a hit that spans all of `node`."""
    return Hit(node.start_byte, node.end_byte, message, fix, severity)
