"""Has the editor save the files that an approved edit of an agent changed, so that commands see the new text.

Files that had unsaved text before the edit are left to the person. A client that declares `{"starling": {"save":
true}}` in `experimental` gets `starling/save` with `{uris}`; without it nothing is saved, and a command's result says
so (`server.lsp.editor.overwritten_files`). Start at `SavedChanges`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException

from agents.edits import TextChange
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled
    from server.lsp.editor.client import Client
    from server.lsp.editor.overwritten_files import OverwrittenFiles

logger = logging.getLogger(__name__)

SAVE = "starling/save"
SAVE_WAIT_S = 10.0  # an editor may format the text first
MOST_CHECKPOINTS = 1000


async def save_in_editor(server: LanguageServer, client: Client, paths: Sequence[Path]) -> None:
    """Have the editor save the files at `paths`, if it declares that it can; raises nothing if they stay unsaved."""
    if not paths or not client.saves:
        return
    try:
        await ask_client(server, SAVE, {"uris": [path.as_uri() for path in paths]}, limit_s=SAVE_WAIT_S)
    except (TimeoutError, JsonRpcException) as error:
        logger.info("the editor did not save %d files: %s", len(paths), error or "no answer in time")


@dataclass(frozen=True, slots=True)
class SavedChanges:
    """Proposes edits to `changes`, and has those files saved that had no unsaved text before.

    Attributes:
        changes: where edits are proposed.
        files: the open files of the connection.
        save: has the editor save files.
    """

    changes: Changes
    files: OverwrittenFiles
    save: Callable[[Sequence[Path]], Awaitable[None]]
    _edited: dict[str, tuple[Path, ...]] = field(default_factory=dict)  # by checkpoint

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit; see `agents.ports.changes.Changes.propose`.

        If it was applied, also have the changed files saved that had no unsaved text before.
        """
        paths = tuple(one.path for one in proposal.changes if isinstance(one, TextChange) and one.path is not None)
        unsaved = await self.files.list_unsaved()
        outcome = await self.changes.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        if outcome.checkpoint:
            self._edited[outcome.checkpoint] = paths
            while len(self._edited) > MOST_CHECKPOINTS:
                del self._edited[next(iter(self._edited))]
            await self.save([path for path in paths if path not in unsaved])
        return outcome

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`.

        If `checkpoint` is that of an edit proposed here, the files that had no unsaved text before are also saved.
        """
        unsaved = await self.files.list_unsaved()
        outcome = await self.changes.undo(checkpoint, cancelled=cancelled)
        if outcome.applied:
            await self.save([path for path in self._edited.get(checkpoint, ()) if path not in unsaved])
        return outcome
