"""`textDocument/codeAction`: the actions that apply at a place, by the syntax tree and the existing findings."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

KINDS = ("quickfix", "refactor.rewrite", "source.fixAll.starling")


async def handle(
    snapshot: Snapshot, services: Services, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command]:
    """Return the actions at the range that the client wants and can show.

    Returns no actions if the document is not open, or while the server is starting.

    For a client that supports `codeAction/resolve` an action's edit is computed only when the action is chosen.
    """
    document, core = snapshot.document, services.cores.current
    if document is None or core is None:
        return []
    from server.lsp.conversion import code_actions  # noqa: PLC0415 (brings the tasks, which `initialize` need not wait for)

    span = incoming.compute_span(document, params.range, snapshot.encoding)
    review = services.reviews.get_newest(document.uri)
    look = partial(code_actions.list_actions, core, document, span, review)
    # with a cached tree the list takes less time than a switch of threads
    here = core.trees.is_cached(document.record)
    found = look() if here else await asyncio.get_running_loop().run_in_executor(services.pool, look)
    wanted = code_actions.filter_wanted(found, params.context)
    return code_actions.build_code_actions(
        wanted, document, snapshot, services.chosen_fixes, params.context.diagnostics
    )
