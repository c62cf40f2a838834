"""The base of what commands take and return. Start at `CommandRecord`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CommandRecord(BaseModel):
    """Frozen, and nothing beyond the named fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class NoArguments(CommandRecord):
    """The empty object."""
