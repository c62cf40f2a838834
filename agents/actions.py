"""What a person may have done at a place: fixes of findings, and what the generator would write. Start at `listed`.

Decides by syntax and by findings that are there already, in microseconds; computes no proposal and asks no model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.findings import Layer
from agents.tasks import fix_by_completion, running
from agents.tasks.proposals import unchanged
from agents.tasks.task import Kind
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.findings import Finding
    from agents.tasks.task import Scene, Task

_MOST_FINDINGS = 20  # of one place: nobody reads a longer menu
FIX_ALL = "Fix all that is safe to fix"


class Way(StrEnum):
    """How an action is carried out."""

    EDIT = "edit"  # it is a safe fix: the editor makes it, and choosing it is the confirmation
    FIX = "fix"  # a finding's fix, known or written by a model: proposed through the gate
    TASK = "task"  # one of the generator's tasks: likewise
    FIX_ALL = "fix-all"  # all safe fixes of a fresh review: as EDIT


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that may be chosen.

    Attributes:
        title: an imperative for the person who chooses.
        kind: in the words of code actions.
        way: how it is carried out.
        span: what it is about.
        task: name of the generator's task, "" for none.
        finding: the finding that it mends, None for none.
        preferred: the likeliest choice there.
        disabled: why it cannot be chosen now, "" when it can.
    """

    title: str
    kind: str
    way: Way
    span: Span
    task: str = ""
    finding: Finding | None = None
    preferred: bool = False
    disabled: str = ""


def listed(scene: Scene, findings: Iterable[Finding], *, missing: Callable[[Task], str]) -> tuple[Action, ...]:
    """What applies at the scene's span, fixes first.

    Args:
        scene: the place.
        findings: of the whole document, as it stands.
        missing: why a task cannot be done now, "" when it can.
    """
    known = tuple(findings)
    touched = tuple(one for one in known if _touches(one.span, _lines(scene)))[:_MOST_FINDINGS]
    scene = replace(scene, findings=touched)
    actions = [action for finding in touched for action in _of_finding(scene, finding, missing)]
    for task, offer in running.offers(scene):
        if task.listed and task is not fix_by_completion.TASK:
            disabled = missing(task)
            preferred = offer.preferred and not disabled
            actions.append(Action(offer.title, task.kind, Way.TASK, offer.span, task.name, None, preferred, disabled))
    if any(is_safe(one) for one in known):
        whole = Span(0, len(scene.document.text))
        actions.append(Action(FIX_ALL, "source.fixAll.starling", Way.FIX_ALL, whole))
    return tuple(actions)


def is_safe(finding: Finding) -> bool:
    """Whether its fix may be made without looking at it: known, safe, and of the static layer."""
    known = finding.fix
    return known is not None and known.safe and bool(known.edits) and finding.layer is Layer.STATIC


def safe_edits(findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """The edits of all safe fixes that get along with each other, in order; of two that overlap, the first is made."""
    made: list[Edit] = []
    for finding in findings:
        if finding.fix is not None and is_safe(finding) and not any(_meets(edit, made) for edit in finding.fix.edits):
            made += [edit for edit in finding.fix.edits if edit not in made]
    return tuple(sorted(made, key=lambda edit: (edit.start, edit.end)))


def moved(findings: Sequence[Finding], old: str, new: str) -> tuple[Finding, ...]:
    """Findings of the text `old` in the text `new`: those that lie before or behind all that has changed."""
    if old == new:
        return tuple(findings)
    same, tail = unchanged(old, new)
    shift = len(new) - len(old)
    kept = []
    for finding in findings:
        edits = finding.fix.edits if finding.fix is not None else ()
        first = min([finding.span.start, *(edit.start for edit in edits)])
        last = max([finding.span.end, *(edit.end for edit in edits)])
        if last < same:
            kept.append(finding)
        elif first > len(old) - tail:
            kept.append(_shifted(finding, shift))
    return tuple(kept)


def _of_finding(scene: Scene, finding: Finding, missing: Callable[[Task], str]) -> Iterator[Action]:
    if is_safe(finding):
        assert finding.fix is not None  # noqa: S101 - it is safe
        yield Action(finding.fix.title, Kind.QUICK_FIX, Way.EDIT, finding.span, "", finding, preferred=True)
    elif finding.fix is not None and finding.fix.edits:
        yield Action(finding.fix.title, Kind.QUICK_FIX, Way.FIX, finding.span, "", finding)
    elif fix_by_completion.applies(scene, finding):
        title = finding.fix.title if finding.fix is not None else f"Fix with the model: {finding.code}"
        why = missing(fix_by_completion.TASK)
        yield Action(title, Kind.QUICK_FIX, Way.FIX, finding.span, fix_by_completion.TASK.name, finding, disabled=why)


def _lines(scene: Scene) -> Span:
    """The lines of the scene's span: a finding anywhere on them may be meant."""
    text = scene.document.text
    end = text.find("\n", scene.span.end)
    return Span(text.rfind("\n", 0, scene.span.start) + 1, len(text) if end < 0 else end)


def _touches(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _meets(edit: Edit, made: list[Edit]) -> bool:
    """Whether it overlaps another, or is written at the same point."""
    return any(
        edit != other and (edit.start == other.start or (edit.start < other.end and other.start < edit.end))
        for other in made
    )


def _shifted(finding: Finding, shift: int) -> Finding:
    span = Span(finding.span.start + shift, finding.span.end + shift)
    known = finding.fix
    if known is not None:
        edits = tuple(Edit(edit.start + shift, edit.end + shift, edit.text) for edit in known.edits)
        known = replace(known, edits=edits)
    return replace(finding, span=span, fix=known)
