"""The rule about what the agents of a step may change, held where their tools run. Start at `StepGuard`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import RenameFile
from agents.ports.permissions import Permission
from agents.team.permissions.paths import list_names
from agents.team.workflows.best_round import forget_change, note_change
from agents.tools import Risk

if TYPE_CHECKING:
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled, Permissions, ToolCall
    from agents.team.workflows.stage import Stage

PERMITTED = frozenset({"run_tests"})
NO_COMMANDS = (
    "In this step of the workflow agents run nothing but tests, because a command could change any file; do without it."
)

ONLY_READS = "In this step of the workflow agents only read; say in your answer what you could not check."


@dataclass(frozen=True, slots=True)
class Refusal:
    """The outcome of an edit that the step may not make. Implements `agents.ports.changes.ChangeOutcome`."""

    reason: str
    proposal: str = ""
    applied: bool = False
    checkpoint: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepGuard:
    """Changes and permissions of a step's agents, their delegates included; notes the files that they change.

    Attributes:
        stage: what the step is given.
        changes: what the step may change: "nothing", "tests", "code" or "all".
        inner: where edits are proposed.
        permissions: who permits calls that change no file.
        permitted: names of the tools with a risk that may be asked about where not everything may be changed.
    """

    stage: Stage
    changes: str
    inner: Changes
    permissions: Permissions
    permitted: frozenset[str] = PERMITTED

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit of files that the step may change, and note their names; refuse an edit of any other file."""
        paths = [one for change in proposal.changes if (one := change.path) is not None]
        paths += [change.to for change in proposal.changes if isinstance(change, RenameFile)]
        roots = self.stage.bench.roots
        for path in paths:
            names = await asyncio.to_thread(_list_file_names, path, roots)
            if reason := self.stage.test_files.explain_refusal(names, self.changes):
                return Refusal(reason)
        new = [name for name in map(self.stage.bench.display, paths) if self.stage.state.add_file(name)]
        await self.stage.save()  # before the edit, so that a kill after it loses no name
        outcome = await self.inner.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        if outcome.checkpoint:
            note_change(self.stage.state, outcome.checkpoint)
            await self.stage.save()
        else:
            for name in new:
                self.stage.state.files.remove(name)
        return outcome

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`.

        Removes an undone `checkpoint` from the changes since the best round; not the newest change, which has no name.
        """
        outcome = await self.inner.undo(checkpoint, cancelled=cancelled)
        if outcome.applied:
            forget_change(self.stage.state, checkpoint)
        return outcome

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask for permission; unless the step may change all files, refuse tools with a risk that `permitted` lacks."""
        if self.changes != "all" and call.tool.name not in self.permitted and call.tool.risk is not Risk.LOW:
            reason = NO_COMMANDS if self.permitted else ONLY_READS
            return Permission("", granted=False, outcome="rejected", reason=reason)
        return await self.permissions.permit(call, cancelled=cancelled)

    def end_task(self, task: str) -> None:
        """Forget what was allowed for the rest of `task`."""
        self.permissions.end_task(task)


def _list_file_names(path: Path, roots: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the names of a file, relative to its workspace folder: as written, and where its links lead. Blocking."""
    return tuple(one for one in list_names(path, roots) if not one.endswith("/"))
