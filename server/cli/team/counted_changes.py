"""The files that a turn has changed, to name them at its end. Start at `CountedChanges`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled
    from server.gate.records import Records

MOST_NAMED = 10
"""Files that a line names."""


@dataclass(frozen=True, slots=True)
class CountedChanges:
    """Changes that records the checkpoints of what was written.

    Attributes:
        inner: where edits are proposed.
        checkpoints: ids of the checkpoints, oldest first.
    """

    inner: Changes
    checkpoints: list[str] = field(default_factory=list)

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit, and store the id of its checkpoint, if any; see `agents.ports.changes.Changes.propose`."""
        outcome = await self.inner.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        if outcome.checkpoint:
            self.checkpoints.append(outcome.checkpoint)
        return outcome

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`."""
        return await self.inner.undo(checkpoint, cancelled=cancelled)

    def list_files(self, records: Records, root: Path) -> tuple[str, ...]:
        """Return the files that were changed and are not undone: paths relative to `root`, else full. Blocking.

        Raises:
            StateError: the records cannot be read.
        """
        kept = [found for one in self.checkpoints if (found := records.find_checkpoint(one)) is not None]
        paths = [change.target or change.path for one in kept if not one.undone_by for change in one.files]
        named = (
            path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
            for path in paths
            if path is not None
        )
        return tuple(dict.fromkeys(named))


def join_names(names: Sequence[str]) -> str:
    """Return up to `MOST_NAMED` names as a list in a sentence, with the number of the others."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
