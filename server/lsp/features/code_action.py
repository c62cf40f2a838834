"""`textDocument/codeAction`: what may be done here, by the syntax tree and the findings that are there already."""

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
    """List it; nothing is computed before it is chosen."""
    document, core = snapshot.document, services.cores.current
    if document is None or core is None:
        return []
    from server.lsp.conversion import code_actions  # noqa: PLC0415 (brings the tasks, which `initialize` need not wait for)

    span = incoming.span_of(document, params.range, snapshot.encoding)
    review = services.reviews.get_newest(document.uri)
    look = partial(code_actions.listed, core, document, span, review)
    # a change of threads costs milliseconds while others compute, more than the list itself
    here = core.trees.knows(document.record)
    found = look() if here else await asyncio.get_running_loop().run_in_executor(services.pool, look)
    wanted = code_actions.wanted(found, params.context)
    return code_actions.actions_of(wanted, document, snapshot, services.chosen_fixes, params.context.diagnostics)
