"""Conversion of a proposed edit to LSP's `WorkspaceEdit`.

Line endings of text edits stay as proposed: the gate has made them the document's. A new file is created empty and
filled by a text edit, for LSP has no other way. Sends nothing. Start at `build_workspace_edit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.lsp.conversion import outgoing
from server.lsp.session.open_documents import OpenText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.edits import Edit, ProposedEdit

    DocumentChange = types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile

ANNOTATION = "starling"
AT_BEGIN = types.Range(types.Position(0, 0), types.Position(0, 0))


def build_workspace_edit(
    proposal: ProposedEdit,
    opened: Callable[[TextChange], OpenText | None],
    encoding: str,
    *,
    versioned: bool,
    confirm: bool,
) -> types.WorkspaceEdit:
    """Return the changes of `proposal`, in their order, as an edit for the client.

    Args:
        proposal: the proposed edit.
        opened: returns the open document that a change is about, None if it is not open.
        encoding: unit of the client's positions.
        versioned: whether the client takes `documentChanges`; without them only changes of texts are returned.
        confirm: whether the client has to ask the person for confirmation; has no effect without `versioned`.
    """
    annotation = ANNOTATION if confirm else None
    if not versioned:
        return types.WorkspaceEdit(changes=_group_by_uri(proposal, opened, encoding))
    changes = [one for change in proposal.changes for one in _convert_change(change, opened, encoding, annotation)]
    annotations = {
        ANNOTATION: types.ChangeAnnotation(proposal.title, needs_confirmation=True, description=proposal.why)
    }
    return types.WorkspaceEdit(document_changes=changes, change_annotations=annotations if confirm else None)


def _convert_change(
    change: TextChange | CreateFile | RenameFile | DeleteFile,
    opened: Callable[[TextChange], OpenText | None],
    encoding: str,
    annotation: str | None,
) -> Sequence[DocumentChange]:
    """Return LSP's changes for one change of the proposal, annotated with `annotation` unless it is None."""
    match change:
        case TextChange():
            document = opened(change)
            uri, version = (change.uri, None) if document is None else (document.uri, document.version)
            edits = _convert_text_edits(change, document, encoding)
            return [_make_document_edit(uri, version, edits, annotation)] if edits else []
        case CreateFile():
            uri = change.path.as_uri()
            filled = (
                [_make_document_edit(uri, None, [types.TextEdit(AT_BEGIN, change.text)], annotation)]
                if change.text
                else []
            )
            return [types.CreateFile(uri, annotation_id=annotation), *filled]
        case RenameFile():
            return [types.RenameFile(change.path.as_uri(), change.to.as_uri(), annotation_id=annotation)]
        case DeleteFile():
            return [types.DeleteFile(change.path.as_uri(), annotation_id=annotation)]


def _group_by_uri(
    proposal: ProposedEdit, opened: Callable[[TextChange], OpenText | None], encoding: str
) -> dict[str, list[types.TextEdit]]:
    """Return the text edits of the proposal by document URI."""
    texts = [change for change in proposal.changes if isinstance(change, TextChange)]
    found = [(change, opened(change)) for change in texts]
    return {
        change.uri if document is None else document.uri: _convert_text_edits(change, document, encoding)
        for change, document in found
    }


def _convert_text_edits(change: TextChange, document: OpenText | None, encoding: str) -> list[types.TextEdit]:
    """Return the edits of `change` with positions in `document`, or in the file's text if it is not open."""
    # the gate has just checked that the file still has the text that the edit was proposed for
    counted = document or OpenText.of(change.uri, change.path, "", 0, change.before)
    return [_convert_text_edit(edit, counted, encoding) for edit in change.edits]


def _convert_text_edit(edit: Edit, document: OpenText, encoding: str) -> types.TextEdit:
    """Return `edit` with positions in `document`, counted in units of `encoding`."""
    return types.TextEdit(outgoing.compute_range(document, edit.start, edit.end, encoding), edit.text)


def _make_document_edit(
    uri: str, version: int | None, edits: Sequence[types.TextEdit], annotation: str | None
) -> types.TextDocumentEdit:
    """Return the edits of one document, annotated with `annotation` unless it is None."""
    marked = [types.AnnotatedTextEdit(annotation, one.range, one.new_text) for one in edits] if annotation else edits
    return types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), marked)
