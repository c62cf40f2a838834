"""Ranking of candidate edits: rejects those that break the code; of the rest, fewest new findings and likeliest first.

A candidate that does not parse or brings an error is rejected however likely it is. Never asks a model. Start at
`rank`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import apply_edits
from agents.findings import Severity
from indexing.syntax.syntax import Syntax
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.edits import Edit
    from agents.findings import Finding
    from agents.tasks.task import Resources, Scene
    from indexing.syntax.documents import Document

UNDEFINED = "F821"  # ruff's code for a name that nothing binds
_BROKEN = frozenset(
    {UNDEFINED, "F823", "F811"}
)  # also: a local that is read before it is bound, and a second definition of a name
_MOST = 8  # candidates that are judged: each costs a parse and a review


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible change, with the mean log-probability that the model gives it (0 at best)."""

    edits: tuple[Edit, ...]
    likelihood: float = 0.0


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate that parses and brings no error.

    Attributes:
        candidate: the candidate.
        after: the document with its edits applied.
        findings: all findings in that document.
        new: the findings that the original document did not have.
    """

    candidate: Candidate
    after: Document
    findings: tuple[Finding, ...]
    new: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RejectedCandidate:
    """A candidate that cannot be used: the reason, without a full stop, and the errors that it would bring."""

    why: str
    errors: tuple[Finding, ...] = ()


def rank(candidates: Iterable[Candidate], scene: Scene, resources: Resources) -> list[RankedCandidate]:
    """Return the usable candidates among the first 8: fewest new findings first, then likeliest first."""
    return sorted(
        (one for one in judge(candidates, scene, resources) if isinstance(one, RankedCandidate)),
        key=lambda one: (len(one.new), -one.candidate.likelihood),
    )


def judge(
    candidates: Iterable[Candidate], scene: Scene, resources: Resources
) -> list[RankedCandidate | RejectedCandidate]:
    """Return a verdict on each of the first 8 candidates, in their order: ranked, or rejected with a reason."""
    document = scene.document
    before: tuple[Finding, ...] | None = None
    verdicts: list[RankedCandidate | RejectedCandidate] = []
    for candidate in list(candidates)[:_MOST]:
        text = apply_edits(document.text, candidate.edits)
        after = replace(document, text=text)
        if text == document.text:
            verdicts.append(RejectedCandidate("it changes nothing"))
        elif not parses(scene, after, candidate.edits):
            verdicts.append(RejectedCandidate(f"the file does not parse with it{_explain_python_error(after)}"))
        else:
            if before is None:
                before = resources.review(document)
            findings = resources.review(after)
            new = find_new_findings(before, findings)
            errors = tuple(one for one in new if one.severity is Severity.ERROR or one.code in _BROKEN)
            messages = "; ".join(one.message.rstrip(".") for one in errors[:3])
            rejected = RejectedCandidate(f"it brings an error: {messages}", errors)
            verdicts.append(rejected if errors else RankedCandidate(candidate, after, findings, new))
    return verdicts


def _explain_python_error(after: Document) -> str:
    """Return Python's syntax error in a text, with its line, in parentheses; "" for other languages or no error."""
    if not after.entry.python_parser or (error := _catch_syntax_error(after.text)) is None:
        return ""
    lines = after.text.splitlines()
    line = lines[error.lineno - 1].strip() if error.lineno and error.lineno <= len(lines) else ""
    return f" ({error.msg}: `{line[:120]}`)" if line else f" ({error.msg})"


def parses(scene: Scene, after: Document, edits: tuple[Edit, ...]) -> bool:
    """Return whether `after`, made by `edits`, has no more syntax errors than the scene's document.

    In Python, the standard parser must also accept the edited lines. Always True without a syntax tree.
    """
    if not scene.syntax.available:
        return True
    syntax = Syntax.of(after, scene.syntax)
    if not syntax.available or syntax.count_errors() > scene.syntax.count_errors():
        return False
    return not after.entry.python_parser or not _breaks_python(scene.document.text, after.text, edits)


def _breaks_python(before: str, after: str, edits: tuple[Edit, ...]) -> bool:
    """Return whether Python's own parser, which is stricter than tree-sitter, rejects the text `after` at `edits`.

    Where `before` had a syntax error already, an error outside of the edited lines does not count.
    """
    line = _find_python_error_line(after)
    if line is None:
        return False
    if _find_python_error_line(before) is None or not edits:
        return True
    first = before.count("\n", 0, edits[0].start) + 1
    written = sum(edit.text.count("\n") - before.count("\n", edit.start, edit.end) for edit in edits)
    last = before.count("\n", 0, edits[-1].end) + 1 + written
    return first <= line <= last + 1


def find_new_findings(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of `after` that are not in `before`, compared by code and message because offsets shift."""
    known = Counter((one.code, one.message) for one in before)
    new = []
    for one in after:
        known[one.code, one.message] -= 1
        if known[one.code, one.message] < 0:
            new.append(one)
    return tuple(new)


def _find_python_error_line(text: str) -> int | None:
    """Return the line of Python's first syntax error, counted from 1; None when the text parses."""
    error = _catch_syntax_error(text)
    return None if error is None else error.lineno or 1


def _catch_syntax_error(text: str) -> SyntaxError | None:
    """Return the error that Python's parser raises for a text, None when it parses."""
    try:
        parse_python(text)
    except SyntaxError as error:
        return error
    return None
