"""The decision about one call of a tool, before it runs: denied, asked about, or allowed. Start at `decide`.

Order: the mode, then the person's rules (deny over ask over allow), then the tool's risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import Effect
from agents.tools import Risk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.team.permissions.rules import RuleSet
    from agents.tools import Tool


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a call.

    Attributes:
        effect: what happens.
        reason: a sentence for the model and the person; "" for the usual course by risk.
        rule: the person's rule that allows the call, in words; "" unless a rule does.
        is_ruled: whether a rule has it asked, so that no earlier answer counts.
    """

    effect: Effect
    reason: str = ""
    rule: str = ""
    is_ruled: bool = False


def decide(tool: Tool, mode: Mode, rules: RuleSet, paths: Sequence[str]) -> Decision:
    """Return the decision about a call that runs no command line; `permissions.commands` decides about those.

    Args:
        tool: the tool.
        mode: the session's mode.
        rules: the rules in force.
        paths: paths that the call concerns, relative to the workspace folder.
    """
    if mode is Mode.PLAN and (tool.edits or tool.risk is not Risk.LOW):
        return Decision(
            Effect.DENY,
            f"{tool.name} changes something, and in plan mode agents only read; describe the change instead.",
        )
    found = rules.find(tool, paths)
    if found is not None and found.effect is Effect.DENY:
        return Decision(Effect.DENY, f"A rule denies this call ({found}); do without it.")
    if found is not None and found.effect is Effect.ALLOW:
        return Decision(Effect.ALLOW, rule=str(found))
    if found is None and tool.risk is Risk.LOW:
        return Decision(Effect.ALLOW)
    if found is None:
        return Decision(Effect.ASK)
    return Decision(Effect.ASK, f"A rule has it asked ({found}).", is_ruled=True)
