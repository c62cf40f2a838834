"""The settings of the team of agents: rules about the calls of its tools, limits, background jobs, the autopilot.

Start at `TeamSettings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from server.assembly.setting_sections import ADDS_UP, PERSONAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.config import JsonDict


PERSONAL_WEBHOOK: JsonDict = {"personal": True, "allowed": "an https:// address, or an http:// address of this machine"}
PERSONAL_RULES: JsonDict = {"personal": True, "by_entry": True, "allowed": "a list of rules"}
RULES: JsonDict = {**ADDS_UP, "allowed": "a list of rules"}
PERSONAL_FOLDERS: JsonDict = {"personal": True, "allowed": "a list of absolute paths of folders"}


def _check_rule(text: str) -> str:
    """Return `text` unchanged if it is a valid rule about tools' calls that can match one; for pydantic.

    Raises:
        ValueError: `text` is no valid rule, or can never match.
    """
    from agents.team.permissions.rules import (  # noqa: PLC0415 (pathspec; only if there is a rule)
        Effect,
        check_argument,
        check_tool,
        parse_rule,
    )

    check_tool(text)
    check_argument(parse_rule(Effect.DENY, text))
    return text


def _check_folder(text: str) -> str:
    """Return `text` unchanged if it is an absolute path, `~` included; for pydantic.

    Raises:
        ValueError: `text` is no absolute path.
    """
    if not Path(text).is_absolute() and not text.startswith("~"):
        raise ValueError(f"{text!r} is no absolute path of a folder")
    return text


def _check_webhook(text: str) -> str:
    """Return `text` unchanged if alerts may be sent there: "", https, or http on this machine; for pydantic.

    Raises:
        ValueError: it is another address, or it has a name and password.
    """
    from models.remote.http import is_local  # noqa: PLC0415 (only where there is a webhook)

    if not text:
        return text
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"it is no address: {error}") from None
    if not host or parts.username is not None or any(one.isspace() or not one.isprintable() for one in text):
        raise ValueError("it is no address of a host without a name and password")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local(text)):
        raise ValueError("alerts are sent to https addresses, and by http to this machine only")
    return text


RuleText = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_check_rule)]
WebhookText = Annotated[str, AfterValidator(_check_webhook)]
FolderText = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_folder)]


class TeamSettings(BaseModel):
    """The settings of the team of agents: rules about what its tools may do, and its limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deny: tuple[RuleText, ...] = Field(
        default=(),
        description="Tool calls that are denied without a question: `edits path migrations/`, `reads path data/**`, "
        "`execute_command command rm *`; the lists of all layers are joined.",
        json_schema_extra=RULES,
    )
    ask: tuple[RuleText, ...] = Field(
        default=(),
        description="Tool calls that you are always asked about, written like those in `team.deny`; the lists of all "
        "layers are joined.",
        json_schema_extra=RULES,
    )
    allow: tuple[RuleText, ...] = Field(
        default=(),
        description="Tool calls that are made without a question: `edits path docs/**`, `execute_command command git "
        "status`; deletions, commands and pushes only by a rule with the tool's name. You are still asked about a call "
        "with a warning; `team.deny` and `team.ask` take precedence.",
        json_schema_extra=PERSONAL_RULES,
    )
    trusted: tuple[FolderText, ...] = Field(
        default=(),
        description="Workspace folders whose own roles and workflows are used: absolute paths, `~` for your "
        "home folder. Such a role can do at most what the role `coder` can.",
        json_schema_extra=PERSONAL_FOLDERS,
    )
    steps: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="Most answers of the model in one turn of an agent and its delegates; a role with a larger number "
        "of its own has that one, unless you set this.",
    )
    tokens: int = Field(
        default=400_000,
        ge=1000,
        le=100_000_000,
        description="Most tokens read and written in one turn; a role with a larger number of its own has that one, "
        "unless you set this.",
    )
    cost: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        description="Most money that one turn may cost, by `chat.inputPrice` and `chat.outputPrice`; 0 for no limit. "
        "Models without prices cost nothing here.",
    )
    alerts: bool = Field(
        default=True,
        description="Show alerts in the editor and on the terminal of `starling work`: a failed task, agents that go "
        "in circles, a limit, trouble with git.",
        json_schema_extra=PERSONAL,
    )
    webhook: WebhookText = Field(
        default="",
        max_length=2000,
        description="Address that gets each alert as JSON, without code: https, or http on this machine; empty for "
        "none.",
        json_schema_extra=PERSONAL_WEBHOOK,
    )
    training: bool = Field(
        default=False,
        description="Allow `starling sessions training` to write approved edits and praised answers, with your code, "
        "into a file for training a model; nothing is sent.",
        json_schema_extra=PERSONAL,
    )
    seconds: int = Field(
        default=1800,
        ge=10,
        le=86_400,
        description="Longest turn, in seconds; waiting for your answers does not count.",
    )
    _unreadable: tuple[str, ...] = PrivateAttr(default=())

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Problems because of which rules of `deny` or `ask` are missing; while there are any, no agent works."""
        return self._unreadable

    def mark_unreadable(self, problems: Sequence[str]) -> Self:
        """Return a copy in which rules are missing because of `problems`."""
        copy = self.model_copy()
        copy._unreadable = tuple(problems)  # noqa: SLF001 (of the same class)
        return copy


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
