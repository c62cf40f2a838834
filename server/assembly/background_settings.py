"""The settings of the background jobs of `starling work --watch`. Start at `ScheduleSettings`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ScheduleSettings(BaseModel):
    """The settings of background jobs: how often each one runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reindex_hours: float = Field(
        default=24.0,
        ge=0,
        le=1000,
        description="Hours after which `starling work --watch` compares all files with the index; 0 turns that off.",
    )
    health_hours: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Hours between two checks of the state database, the disk, the model host and leftover worktrees "
        "by `starling work --watch`; 0 turns them off.",
    )
