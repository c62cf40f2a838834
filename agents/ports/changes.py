"""Changes of the workspace, asked of a person: what agents call to have an edit made. Start at `Changes`.

`server.gate.gate.Gate` implements the port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agents.edits import ProposedEdit
    from agents.ports.permissions import Cancelled


class ChangeOutcome(Protocol):
    """The outcome of a proposed edit."""

    @property
    def proposal(self) -> str:
        """Id of the proposal in the record of requests."""
        ...

    @property
    def applied(self) -> bool:
        """Whether all of the change was made that the person approved."""
        ...

    @property
    def reason(self) -> str:
        """Sentences for a person: why it was not made in full, and what else was changed in the files; "" for none."""
        ...

    @property
    def checkpoint(self) -> str:
        """Id by which the change can be undone, "" when nothing was written."""
        ...

    @property
    def left_out(self) -> tuple[str, ...]:
        """The parts of an applied change that the person left out, a phrase for each file."""
        ...


class Changes(Protocol):
    """The one way to change files of the workspace."""

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Ask a person to approve `proposal`; apply it if approved; return the outcome.

        Args:
            proposal: the edit.
            task: id of the task whose remaining changes of this kind a person may approve at once; "" for none.
            rule: the person's own rule that approves the edit without a question; "" for none. A proposal with
                warnings is asked about in any case.
            cancelled: checked several times a second while a person decides; the question is then withdrawn.
        """
        ...

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Ask a person to undo the change of a checkpoint, "" for the newest; undo it if approved.

        Returns the outcome.
        """
        ...
