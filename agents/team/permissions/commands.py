"""The decision about a command line: parsed, each part judged by itself, and asked about where it cannot be parsed.

Start at `decide_about_command`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.permissions.decision import Decision
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import Effect

if TYPE_CHECKING:
    from agents.team.tool import Workbench
    from agents.tools import Tool


def decide_about_command(tool: Tool, line: str, bench: Workbench) -> Decision:  # noqa: ARG001 (both decide once lines are parsed)
    """Return the decision about running the command line `line` with `tool`."""
    if bench.mode is Mode.PLAN:
        return Decision(Effect.DENY, "In plan mode no command runs; describe what you would run instead.")
    return Decision(Effect.ASK)
