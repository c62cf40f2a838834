"""The settings of the background jobs of `starling work --watch`, the autopilot among them.

Start at `ScheduleSettings`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from server.assembly.setting_sections import PERSONAL


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


class AutopilotSettings(BaseModel):
    """The settings of the autopilot: whether it looks for work, what it may start, and how much that may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=False,
        description="Have `starling work --watch` look for work and propose it: failing tests, findings, comments like "
        "TODO, stale dependencies, gaps in test coverage. Runs and starts nothing by itself.",
        json_schema_extra=PERSONAL,
    )
    minutes: float = Field(
        default=60.0,
        ge=1,
        le=1440,
        description="Minutes between two looks for work; without anything new, the next one is later, up to a day.",
        json_schema_extra=PERSONAL,
    )
    start: tuple[Literal["failing-test", "finding", "comment", "dependency", "coverage"], ...] = Field(
        default=(),
        description="Kinds of proposals that are started without your yes, one at a time: `failing-test`, `finding`, "
        "`comment`, `dependency`, `coverage`. Each ends as a branch that you merge or drop.",
        json_schema_extra=PERSONAL,
    )
    tasks_per_day: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Most tasks that the rule `autopilot.start` starts on a day.",
        json_schema_extra=PERSONAL,
    )
    tokens_per_day: int = Field(
        default=1_000_000,
        ge=0,
        le=1_000_000_000,
        description="Tokens of tasks of the autopilot on a day, after which the rule starts no further one.",
        json_schema_extra=PERSONAL,
    )
    cost_per_day: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        description="Money that tasks of the autopilot cost on a day, after which the rule starts no further one; 0 "
        "for no limit.",
        json_schema_extra=PERSONAL,
    )
