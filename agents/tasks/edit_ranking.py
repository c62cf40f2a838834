"""Which of several candidates to propose: one that parses, brings no new finding, and is the likeliest.

What does not parse, or brings an error, is dropped, whatever else speaks for it. Never asks a model. Start at `ranked`.
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
    from agents.tasks.task import Means, Scene
    from indexing.syntax.documents import Document

UNDEFINED = "F821"  # ruff's code of a name that nothing binds
_BROKEN = frozenset({UNDEFINED, "F823", "F811"})  # likewise, and of a name that is defined a second time
_MOST = 8  # candidates that are looked at: each costs a parse and a review


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change that would do, and how likely the model finds it (mean logarithm, 0 at best)."""

    edits: tuple[Edit, ...]
    likelihood: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate that parses.

    Attributes:
        candidate: it.
        after: the document with it.
        findings: all findings there.
        new: those that the document did not have before.
    """

    candidate: Candidate
    after: Document
    findings: tuple[Finding, ...]
    new: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why a candidate is not to be had: a sentence without its full stop, and the errors it would bring."""

    why: str
    errors: tuple[Finding, ...] = ()


def ranked(candidates: Iterable[Candidate], scene: Scene, means: Means) -> list[Ranked]:
    """Those of `candidates` that parse, change something and bring no error, best first."""
    return sorted(
        (one for one in judged(candidates, scene, means) if isinstance(one, Ranked)),
        key=lambda one: (len(one.new), -one.candidate.likelihood),
    )


def judged(candidates: Iterable[Candidate], scene: Scene, means: Means) -> list[Ranked | Dropped]:
    """Judge each candidate, in their order."""
    document = scene.document
    before: tuple[Finding, ...] | None = None
    found: list[Ranked | Dropped] = []
    for candidate in list(candidates)[:_MOST]:
        text = apply_edits(document.text, candidate.edits)
        after = replace(document, text=text)
        if text == document.text:
            found.append(Dropped("it changes nothing"))
        elif not parses(scene, after, candidate.edits):
            found.append(Dropped(f"the file does not parse with it{_explain_python_error(after)}"))
        else:
            if before is None:
                before = means.review(document)
            findings = means.review(after)
            new = new_findings(before, findings)
            errors = tuple(one for one in new if one.severity is Severity.ERROR or one.code in _BROKEN)
            said = "; ".join(one.message.rstrip(".") for one in errors[:3])
            dropped = Dropped(f"it brings an error: {said}", errors)
            found.append(dropped if errors else Ranked(candidate, after, findings, new))
    return found


def _explain_python_error(after: Document) -> str:
    """Return where and why Python cannot read a text, "" where that is not known."""
    if not after.entry.python_parser or (error := _syntax_error(after.text)) is None:
        return ""
    lines = after.text.splitlines()
    line = lines[error.lineno - 1].strip() if error.lineno and error.lineno <= len(lines) else ""
    return f" ({error.msg}: `{line[:120]}`)" if line else f" ({error.msg})"


def parses(scene: Scene, after: Document, edits: tuple[Edit, ...]) -> bool:
    """Whether `after` is no more broken than the scene's document; where nothing parses, whether it is still text."""
    if not scene.syntax.available:
        return True
    syntax = Syntax.of(after, scene.syntax)
    if not syntax.available or syntax.error_count() > scene.syntax.error_count():
        return False
    return not after.entry.python_parser or not _breaks_python(scene.document.text, after.text, edits)


def _breaks_python(before: str, after: str, edits: tuple[Edit, ...]) -> bool:
    """Whether Python stumbles over what was written: the grammar for editors forgives what Python does not.

    Where it stumbled before, and still does at another place, the change is not to blame.
    """
    line = _python_error(after)
    if line is None:
        return False
    if _python_error(before) is None or not edits:
        return True
    first = before.count("\n", 0, edits[0].start) + 1
    written = sum(edit.text.count("\n") - before.count("\n", edit.start, edit.end) for edit in edits)
    last = before.count("\n", 0, edits[-1].end) + 1 + written
    return first <= line <= last + 1


def new_findings(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of `after` that `before` does not have, told by what they say, for they move about."""
    known = Counter((one.code, one.message) for one in before)
    new = []
    for one in after:
        known[one.code, one.message] -= 1
        if known[one.code, one.message] < 0:
            new.append(one)
    return tuple(new)


def _python_error(text: str) -> int | None:
    """The line, from 1, at which Python does not read on; None when it reads all."""
    error = _syntax_error(text)
    return None if error is None else error.lineno or 1


def _syntax_error(text: str) -> SyntaxError | None:
    try:
        parse_python(text)
    except SyntaxError as error:
        return error
    return None
