"""The base of what commands take and return. Start at `CommandRecord`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from server.gate.ports import Outcome


class CommandRecord(BaseModel):
    """Frozen, and nothing beyond the named fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class NoArguments(CommandRecord):
    """The empty object."""


class Proposed(CommandRecord):
    """What became of an edit that was proposed: the result of every command that proposes one."""

    proposal: str = Field(description="Id of the request; `starling.approvals` and `starling.audit` know it.")
    outcome: Literal["applied", "partly", "rejected", "expired", "refused", "failed"] = Field(
        description='What became of it; only "applied" and "partly" changed anything.'
    )
    reason: str | None = Field(default=None, description="Why it was not applied and what to do; null where it was.")
    checkpoint: str | None = Field(default=None, description="What `starling.undo` takes; null where nothing changed.")
    unsaved: tuple[str, ...] = Field(
        default=(), description="Files changed in the editor and not on the disk yet; a person saves them."
    )

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """The gate's answer in the words of a command."""
        return cls(
            proposal=outcome.proposal,
            outcome=outcome.verdict.value,
            reason=outcome.reason or None,
            checkpoint=outcome.checkpoint or None,
            unsaved=outcome.unsaved,
        )
