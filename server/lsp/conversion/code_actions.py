"""Code actions on their way out: which of them this request wants, and how this client is told of them.

Decides nothing about what applies (`agents.actions` does). Start at `listed` and `actions_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from agents import actions
from agents.actions import Way
from agents.edits import ProposedEdit, TextChange
from agents.tasks import running
from agents.tasks.task import Means, Scene
from indexing.syntax.documents import Span
from server.lsp.conversion import outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.actions import Action
    from agents.edits import Edit
    from agents.tasks.task import Task
    from server.assembly.core import Core
    from server.lsp.session.chosen_fixes import ChosenFixes
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.reviews import Review
    from server.lsp.session.snapshot import Snapshot

COMMANDS = {Way.TASK: "starling.generate", Way.FIX: "starling.fix"}


def listed(core: Core, document: OpenText, span: tuple[int, int], review: Review | None) -> tuple[Action, ...]:
    """What applies at a place; quick, for a thread."""
    if document.oversized:
        return ()
    syntax = core.trees.of(document.record)
    scene = Scene(document.record, syntax, Span(*span))
    findings = (
        actions.shift_findings(review.findings, review.document.text, document.text) if review is not None else ()
    )
    return actions.list_actions(scene, findings, missing=lambda task: missing(core, task))


def missing(core: Core, task: Task) -> str:
    """Why a task cannot be done with this core, "" when it can."""
    if core.model is not None and core.model.state == "failed" and task.needs == "completion":
        return core.model.problem
    return running.explain_missing(task, Means(core.index, core.model, core.chat))


def wanted(found: Iterable[Action], context: types.CodeActionContext) -> list[Action]:
    """Those of the kinds that the client wants; unasked, only what can be chosen now."""
    automatic = context.trigger_kind == types.CodeActionTriggerKind.Automatic
    only = [str(getattr(kind, "value", kind)) for kind in context.only or ()]
    return [
        action
        for action in found
        if not (automatic and action.disabled) and (not only or any(_is_of(action.kind, kind) for kind in only))
    ]


def actions_of(
    found: Sequence[Action],
    document: OpenText,
    snapshot: Snapshot,
    chosen: ChosenFixes,
    diagnostics: Sequence[types.Diagnostic],
) -> list[types.CodeAction | types.Command]:
    """Return the actions that this client can show, as it takes them; `chosen` is told of the edits in them."""
    menu = snapshot.client.menu
    items: list[types.CodeAction | types.Command] = []
    for action in found:
        if action.disabled and not menu.disables:
            continue
        if not menu.literals:
            items += [_command(action, document, snapshot.encoding)] if action.way in COMMANDS else []
        elif action.way in COMMANDS or menu.resolves or action.way is Way.EDIT:
            items.append(_literal(action, document, snapshot, chosen, diagnostics))
    return items


def proposal_of(title: str, document: OpenText, edits: tuple[Edit, ...]) -> tuple[ProposedEdit, TextChange]:
    """A safe fix as what it is: a change that a person chose."""
    change = TextChange(document.uri, document.path, document.text, edits)
    return ProposedEdit(title, "It was chosen in the editor's menu.", "reviewer", (change,)), change


def workspace_edit(change: TextChange, document: OpenText, snapshot: Snapshot) -> types.WorkspaceEdit:
    """The change for the editor to make, bound to the version it was made for where the client can hold it to that."""
    edits = [
        types.TextEdit(outgoing.range_of(document, edit.start, edit.end, snapshot.encoding), edit.text)
        for edit in change.edits
    ]
    if not snapshot.client.editing.versioned:
        return types.WorkspaceEdit(changes={document.uri: edits})
    named = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(named, list(edits))])


def _literal(
    action: Action, document: OpenText, snapshot: Snapshot, chosen: ChosenFixes, diagnostics: Sequence[types.Diagnostic]
) -> types.CodeAction:
    item = types.CodeAction(title=action.title, kind=action.kind)
    menu = snapshot.client.menu
    if action.finding is not None:
        item.diagnostics = _mended(action, document, snapshot.encoding, diagnostics) or None
    if action.disabled:
        item.disabled = types.CodeActionDisabled(action.disabled)
    elif menu.prefers and action.preferred:
        item.is_preferred = True
    if action.way in COMMANDS:
        item.command = _command(action, document, snapshot.encoding)
    elif menu.resolves:
        item.data = {**_arguments(action, document, snapshot.encoding), "way": action.way.value}
    elif action.finding is not None and action.finding.fix is not None:
        proposal, change = proposal_of(action.title, document, action.finding.fix.edits)
        chosen.expect(proposal, change)
        item.edit = workspace_edit(change, document, snapshot)
    return item


def _command(action: Action, document: OpenText, encoding: str) -> types.Command:
    return types.Command(action.title, COMMANDS[action.way], arguments=[_arguments(action, document, encoding)])


def _arguments(action: Action, document: OpenText, encoding: str) -> dict[str, Any]:
    span = outgoing.range_of(document, action.span.start, action.span.end, encoding)
    arguments: dict[str, Any] = {"uri": document.uri, "range": outgoing.plain_range(span)}
    if action.finding is not None:
        arguments["code"] = action.finding.code
    elif action.task:
        arguments["task"] = action.task
    return arguments


def _mended(
    action: Action, document: OpenText, encoding: str, diagnostics: Sequence[types.Diagnostic]
) -> list[types.Diagnostic]:
    """Those of the client's diagnostics that the action is for."""
    span = outgoing.range_of(document, action.span.start, action.span.end, encoding)
    code = action.finding.code if action.finding is not None else ""
    return [one for one in diagnostics if one.code == code and one.range == span]


def _is_of(kind: str, asked: str) -> bool:
    return kind == asked or kind.startswith(f"{asked}.") or not asked
