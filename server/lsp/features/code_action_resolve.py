"""`codeAction/resolve`: the edit of a chosen safe fix, from a review of the document's current text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


async def handle(snapshot: Snapshot, services: Services, params: types.CodeAction) -> types.CodeAction:
    """Set the edit of the code action, and return the action; unchanged if the finding is gone or has no safe fix.

    Stores the edit, so that the fix can be recorded, and undone, once the editor has applied it.
    """
    document, core = snapshot.document, services.cores.current
    if document is None or core is None or not isinstance(params.data, dict):
        return params
    from server.lsp.conversion import code_actions  # noqa: PLC0415 (as for `textDocument/codeAction`)
    from server.lsp.session import fixing  # noqa: PLC0415 (as for `textDocument/codeAction`)

    edits = await fixing.find_safe_edits(snapshot, services, core, document, params.data)
    if edits:
        proposal, change = code_actions.build_proposal(params.title, document, edits)
        services.chosen_fixes.expect(proposal, change)
        params.edit = code_actions.build_workspace_edit(change, document, snapshot)
    return params
