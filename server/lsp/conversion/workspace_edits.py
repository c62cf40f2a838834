"""From a proposed edit to LSP's `WorkspaceEdit`.

Text edits keep the line endings they were proposed with: the gate has seen to it that they are the document's. What is
created is made empty first and filled by a text edit, as LSP has no other way. Asks and sends nothing. Start at
`workspace_edit`.
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


def workspace_edit(
    proposal: ProposedEdit,
    opened: Callable[[TextChange], OpenText | None],
    encoding: str,
    *,
    versioned: bool,
    confirm: bool,
) -> types.WorkspaceEdit:
    """All changes, in their order.

    Args:
        proposal: what is proposed.
        opened: the open document that a change is about, None when it is not open.
        encoding: unit of positions.
        versioned: whether the client takes `documentChanges`; without them nothing but texts can be changed.
        confirm: whether the client is to ask for confirmation.
    """
    annotation = ANNOTATION if confirm else None
    if not versioned:
        return types.WorkspaceEdit(changes=_changes(proposal, opened, encoding))
    changes = [one for change in proposal.changes for one in _of(change, opened, encoding, annotation)]
    annotations = {
        ANNOTATION: types.ChangeAnnotation(proposal.title, needs_confirmation=True, description=proposal.why)
    }
    return types.WorkspaceEdit(document_changes=changes, change_annotations=annotations if confirm else None)


def _of(
    change: TextChange | CreateFile | RenameFile | DeleteFile,
    opened: Callable[[TextChange], OpenText | None],
    encoding: str,
    annotation: str | None,
) -> Sequence[DocumentChange]:
    match change:
        case TextChange():
            document = opened(change)
            uri, version = (change.uri, None) if document is None else (document.uri, document.version)
            edits = _text_edits(change, document, encoding)
            return [_edited(uri, version, edits, annotation)] if edits else []
        case CreateFile():
            uri = change.path.as_uri()
            filled = [_edited(uri, None, [types.TextEdit(AT_BEGIN, change.text)], annotation)] if change.text else []
            return [types.CreateFile(uri, annotation_id=annotation), *filled]
        case RenameFile():
            return [types.RenameFile(change.path.as_uri(), change.to.as_uri(), annotation_id=annotation)]
        case DeleteFile():
            return [types.DeleteFile(change.path.as_uri(), annotation_id=annotation)]


def _changes(
    proposal: ProposedEdit, opened: Callable[[TextChange], OpenText | None], encoding: str
) -> dict[str, list[types.TextEdit]]:
    texts = [change for change in proposal.changes if isinstance(change, TextChange)]
    found = [(change, opened(change)) for change in texts]
    return {
        change.uri if document is None else document.uri: _text_edits(change, document, encoding)
        for change, document in found
    }


def _text_edits(change: TextChange, document: OpenText | None, encoding: str) -> list[types.TextEdit]:
    # what is not open is counted in the text it was proposed for, which the gate has just compared with the file
    counted = document or OpenText.of(change.uri, change.path, "", 0, change.before)
    return [_text_edit(edit, counted, encoding) for edit in change.edits]


def _text_edit(edit: Edit, document: OpenText, encoding: str) -> types.TextEdit:
    return types.TextEdit(outgoing.range_of(document, edit.start, edit.end, encoding), edit.text)


def _edited(
    uri: str, version: int | None, edits: Sequence[types.TextEdit], annotation: str | None
) -> types.TextDocumentEdit:
    marked = [types.AnnotatedTextEdit(annotation, one.range, one.new_text) for one in edits] if annotation else edits
    return types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), marked)
