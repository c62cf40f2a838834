"""Base classes of commands' arguments and results. Start at `CommandRecord`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from server.gate.ports import Outcome


class CommandRecord(BaseModel):
    """An immutable record that allows no further fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class NoArguments(CommandRecord):
    """An empty object."""


class ProposalOutcome(CommandRecord):
    """The outcome of a proposal: the result of all commands that propose an edit."""

    proposal: str = Field(description="Id of the request; `starling.approvals` and `starling.audit` know it.")
    outcome: Literal["applied", "partly", "rejected", "expired", "refused", "failed"] = Field(
        description='The outcome; only "applied" and "partly" changed anything.'
    )
    reason: str | None = Field(
        default=None, description="Why it was not applied and what to do, or which parts were left out; null otherwise."
    )
    checkpoint: str | None = Field(
        default=None, description="The checkpoint for `starling.undo`; null if nothing changed."
    )
    unsaved: tuple[str, ...] = Field(
        default=(), description="Files that are changed in the editor and not saved to the disk yet."
    )

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Return the gate's outcome as a command's result."""
        return cls(
            proposal=outcome.proposal,
            outcome=outcome.verdict.value,
            reason=outcome.reason or None,
            checkpoint=outcome.checkpoint or None,
            unsaved=outcome.unsaved,
        )
