"""Code actions at a place: fixes of its findings, and the tasks that apply there. Start at `list_actions`.

Decides by the syntax tree and by findings that are known already, in microseconds. Computes no proposal and asks no
model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer.layers import shift_finding
from agents.tasks import fix_by_completion, running
from agents.tasks.proposals import measure_unchanged
from agents.tasks.task import Kind
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.edits import Edit
    from agents.findings import Finding
    from agents.tasks.task import Scene, Task

_MOST_FINDINGS = 20  # findings of one place that get actions: nobody reads a longer menu
FIX_ALL = "Fix all that is safe to fix"


class Way(StrEnum):
    """The mechanism that carries an action out."""

    EDIT = "edit"  # a safe fix: the editor applies it at once, since choosing it is the confirmation
    FIX = "fix"  # a finding's fix, known or written by a model: becomes a proposal for the gate
    TASK = "task"  # one of the tasks: its result becomes a proposal for the gate
    FIX_ALL = "fix-all"  # all safe fixes of a new review: applied at once, like EDIT


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the menu of code actions.

    Attributes:
        title: an imperative for the person who chooses.
        kind: the LSP kind of the code action ("quickfix").
        way: the mechanism that carries it out.
        span: the code that it is about.
        task: name of the task to run, "" for none.
        finding: the finding that it fixes, None for none.
        preferred: whether it is the most likely choice at this place.
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


def list_actions(scene: Scene, findings: Iterable[Finding], *, missing: Callable[[Task], str]) -> tuple[Action, ...]:
    """Return the actions for the lines of the scene's span: fixes, then tasks, then "fix all" if any fix is safe.

    An action that cannot run now is included, with the reason in `disabled`. Of the findings on these lines, only the
    first 20 get actions.

    Args:
        scene: the document and the selected span.
        findings: findings of the whole document, whose offsets fit its current text.
        missing: returns why a task cannot run now, "" when it can.
    """
    all_findings = tuple(findings)
    touched = tuple(one for one in all_findings if _overlaps(one.span, _expand_to_lines(scene)))[:_MOST_FINDINGS]
    scene = replace(scene, findings=touched)
    actions = [action for finding in touched for action in _list_fix_actions(scene, finding, missing)]
    for task, offer in running.list_offers(scene):
        if task.listed and task is not fix_by_completion.TASK:
            disabled = missing(task)
            preferred = offer.preferred and not disabled
            actions.append(Action(offer.title, task.kind, Way.TASK, offer.span, task.name, None, preferred, disabled))
    if any(is_safe(one) for one in all_findings):
        whole = Span(0, len(scene.document.text))
        actions.append(Action(FIX_ALL, "source.fixAll.starling", Way.FIX_ALL, whole))
    return tuple(actions)


def is_safe(finding: Finding) -> bool:
    """Return whether the finding's fix may be applied unseen: its edits are known, safe, and from the static layer."""
    known = finding.fix
    return known is not None and known.safe and bool(known.edits) and finding.layer is Layer.STATIC


def collect_safe_edits(findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """Return the edits of all safe fixes, sorted by offset; a fix that conflicts with an earlier one is left out."""
    chosen: list[Edit] = []
    for finding in findings:
        edits = finding.fix.edits if finding.fix is not None and is_safe(finding) else ()
        if not any(_conflicts(edit, chosen) for edit in edits):
            chosen += [edit for edit in edits if edit not in chosen]
    return tuple(sorted(chosen, key=lambda edit: (edit.start, edit.end)))


def shift_findings(findings: Sequence[Finding], old: str, new: str) -> tuple[Finding, ...]:
    """Return the findings of the text `old` with offsets for the text `new`.

    Findings whose span or fix touches the change are left out.
    """
    if old == new:
        return tuple(findings)
    same, tail = measure_unchanged(old, new)
    shift = len(new) - len(old)
    kept = []
    for finding in findings:
        edits = finding.fix.edits if finding.fix is not None else ()
        first = min([finding.span.start, *(edit.start for edit in edits)])
        last = max([finding.span.end, *(edit.end for edit in edits)])
        if last < same:
            kept.append(finding)
        elif first > len(old) - tail:
            kept.append(shift_finding(finding, shift))
    return tuple(kept)


def _list_fix_actions(scene: Scene, finding: Finding, missing: Callable[[Task], str]) -> Iterator[Action]:
    """Yield at most one action that fixes `finding`: by its safe fix, by its known fix, or by the completion model."""
    if is_safe(finding):
        assert finding.fix is not None  # noqa: S101 - it is safe
        yield Action(finding.fix.title, Kind.QUICK_FIX, Way.EDIT, finding.span, "", finding, preferred=True)
    elif finding.fix is not None and finding.fix.edits:
        yield Action(finding.fix.title, Kind.QUICK_FIX, Way.FIX, finding.span, "", finding)
    elif fix_by_completion.is_applicable(scene, finding):
        title = finding.fix.title if finding.fix is not None else f"Fix with the model: {finding.code}"
        why = missing(fix_by_completion.TASK)
        yield Action(title, Kind.QUICK_FIX, Way.FIX, finding.span, fix_by_completion.TASK.name, finding, disabled=why)


def _expand_to_lines(scene: Scene) -> Span:
    """Return the scene's span extended to whole lines, so that every finding on these lines gets its actions."""
    text = scene.document.text
    end = text.find("\n", scene.span.end)
    return Span(text.rfind("\n", 0, scene.span.start) + 1, len(text) if end < 0 else end)


def _overlaps(one: Span, other: Span) -> bool:
    """Return whether the two spans overlap or touch."""
    return one.start <= other.end and other.start <= one.end


def _conflicts(edit: Edit, made: list[Edit]) -> bool:
    """Return whether `edit` overlaps a different edit of `made`, or starts at the same offset as one."""
    return any(
        edit != other and (edit.start == other.start or (edit.start < other.end and other.start < edit.end))
        for other in made
    )
