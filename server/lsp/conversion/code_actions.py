"""Conversion of actions to LSP's code actions, as far as the request wants them and the client can show them.

`agents.actions` decides which actions apply. Start at `list_actions` and `build_code_actions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from agents import actions
from agents.actions import Way
from agents.edits import ProposedEdit, TextChange
from agents.tasks import running
from agents.tasks.task import Resources, Scene
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


def list_actions(core: Core, document: OpenText, span: tuple[int, int], review: Review | None) -> tuple[Action, ...]:
    """Return the actions that apply in `document` at `span` (start and end offset). Call it in a thread.

    The findings are those of `review` (none for None), moved along with the text if the review is of an older version.
    Empty for an oversized document.
    """
    if document.oversized:
        return ()
    syntax = core.trees.of(document.record)
    scene = Scene(document.record, syntax, Span(*span))
    findings = (
        actions.shift_findings(review.findings, review.document.text, document.text) if review is not None else ()
    )
    return actions.list_actions(scene, findings, missing=lambda task: explain_missing_model(core, task))


def explain_missing_model(core: Core, task: Task) -> str:
    """Return why `task` cannot be done with the models of `core`, "" if it can."""
    writers = ("completion",) if core.chat is not None else ("completion", "either")
    if core.model is not None and core.model.state == "failed" and task.needs in writers:
        return core.model.problem
    return running.explain_missing_model(task, Resources(core.index, core.model, core.chat))


def filter_wanted(found: Iterable[Action], context: types.CodeActionContext) -> list[Action]:
    """Return the actions of the kinds that the client asks for; no disabled ones if the editor asks by itself."""
    automatic = context.trigger_kind == types.CodeActionTriggerKind.Automatic
    only = [str(getattr(kind, "value", kind)) for kind in context.only or ()]
    return [
        action
        for action in found
        if not (automatic and action.disabled) and (not only or any(_is_kind_of(action.kind, kind) for kind in only))
    ]


def build_code_actions(
    found: Sequence[Action],
    document: OpenText,
    snapshot: Snapshot,
    chosen: ChosenFixes,
    diagnostics: Sequence[types.Diagnostic],
) -> list[types.CodeAction | types.Command]:
    """Return the actions that this client can show, as code actions or commands.

    Args:
        found: the actions.
        document: the document that they apply to.
        snapshot: the state at the request.
        chosen: remembers the edits that the client may apply itself.
        diagnostics: the client's diagnostics at the place.
    """
    menu = snapshot.client.menu
    items: list[types.CodeAction | types.Command] = []
    for action in found:
        if action.disabled and not menu.disables:
            continue
        if not menu.literals:
            items += [_build_command(action, document, snapshot.encoding)] if action.way in COMMANDS else []
        elif action.way in COMMANDS or menu.resolves or action.way is Way.EDIT:
            items.append(_build_code_action(action, document, snapshot, chosen, diagnostics))
    return items


def build_proposal(title: str, document: OpenText, edits: tuple[Edit, ...]) -> tuple[ProposedEdit, TextChange]:
    """Return a proposal with the `edits` of a safe fix that a person chose in the menu, and its only change."""
    change = TextChange(document.uri, document.path, document.text, edits)
    return ProposedEdit(title, "It was chosen in the editor's menu.", "reviewer", (change,)), change


def build_workspace_edit(change: TextChange, document: OpenText, snapshot: Snapshot) -> types.WorkspaceEdit:
    """Return `change` as an edit for the editor, with the document's version if the client can check versions."""
    edits = [
        types.TextEdit(outgoing.compute_range(document, edit.start, edit.end, snapshot.encoding), edit.text)
        for edit in change.edits
    ]
    if not snapshot.client.editing.versioned:
        return types.WorkspaceEdit(changes={document.uri: edits})
    named = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(named, list(edits))])


def _build_code_action(
    action: Action, document: OpenText, snapshot: Snapshot, chosen: ChosenFixes, diagnostics: Sequence[types.Diagnostic]
) -> types.CodeAction:
    """Return `action` as a code action: with a command, with data to resolve it, or with its edit.

    An edit in it is remembered in `chosen`, because the client may apply it without asking the server.
    """
    item = types.CodeAction(title=action.title, kind=action.kind)
    menu = snapshot.client.menu
    if action.finding is not None:
        item.diagnostics = _find_fixed_diagnostics(action, document, snapshot.encoding, diagnostics) or None
    if action.disabled:
        item.disabled = types.CodeActionDisabled(action.disabled)
    elif menu.prefers and action.preferred:
        item.is_preferred = True
    if action.way in COMMANDS:
        item.command = _build_command(action, document, snapshot.encoding)
    elif menu.resolves:
        item.data = {**_build_arguments(action, document, snapshot.encoding), "way": action.way.value}
    elif action.finding is not None and action.finding.fix is not None:
        proposal, change = build_proposal(action.title, document, action.finding.fix.edits)
        chosen.expect(proposal, change)
        item.edit = build_workspace_edit(change, document, snapshot)
    return item


def _build_command(action: Action, document: OpenText, encoding: str) -> types.Command:
    """Return the command that runs `action`."""
    return types.Command(action.title, COMMANDS[action.way], arguments=[_build_arguments(action, document, encoding)])


def _build_arguments(action: Action, document: OpenText, encoding: str) -> dict[str, Any]:
    """Return the JSON object that names the place of `action` and its finding or task."""
    span = outgoing.compute_range(document, action.span.start, action.span.end, encoding)
    arguments: dict[str, Any] = {"uri": document.uri, "range": outgoing.serialize_range(span)}
    if action.finding is not None:
        arguments["code"] = action.finding.code
    elif action.task:
        arguments["task"] = action.task
    return arguments


def _find_fixed_diagnostics(
    action: Action, document: OpenText, encoding: str, diagnostics: Sequence[types.Diagnostic]
) -> list[types.Diagnostic]:
    """Return those of the client's diagnostics that `action` fixes."""
    span = outgoing.compute_range(document, action.span.start, action.span.end, encoding)
    code = action.finding.code if action.finding is not None else ""
    return [one for one in diagnostics if one.code == code and one.range == span]


def _is_kind_of(kind: str, asked: str) -> bool:
    """Return whether `kind` is the kind `asked` or one of its sub-kinds; "" has all kinds as sub-kinds."""
    return kind == asked or kind.startswith(f"{asked}.") or not asked
