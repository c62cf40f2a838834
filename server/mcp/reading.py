"""The team's reading tools as tools of the Model Context Protocol. Start at `ToolReader`.

A call runs as an agent's own does: validated, decided about by exclusions and the person's rules, within its time, its
result cut to size. It changes nothing, and nobody is asked: a call that a rule has asked about is refused.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mcp_types as types

from agents.team.limits import Spending, TurnLimits
from agents.team.permissions.modes import Mode
from agents.team.tools import findings, list_files, read_file, search_code, search_files
from agents.team.toolset import Toolset, describe_arguments
from agents.team.turn.calls import prepare_call, run_call
from models.chat import ToolCall
from server.gate.ports import Answer
from server.mcp.descriptions import DESCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.team.tool import Workbench
    from server.gate.ports import Question

TOOLS = (search_code.TOOL, search_files.TOOL, findings.TOOL, list_files.TOOL, read_file.TOOL)
"""Tools with no risk that depend on no session."""

_LONE = re.compile("[\ud800-\udfff]")


class NobodyToAsk:
    """Refuses every question. Implements `server.gate.ports.Asker`."""

    def asks_while_applying(self, question: Question) -> bool:  # noqa: ARG002 (nothing is applied)
        """Return False: nothing is applied here."""
        return False

    def find_obstacle(self, question: Question) -> str:  # noqa: ARG002 (no question can be asked)
        """Return a sentence that says that nobody can be asked."""
        return "Nobody can be asked over the Model Context Protocol; change the rule in `team.ask` to permit this call."

    async def ask(self, question: Question) -> Answer:  # noqa: ARG002 (as above)
        """Return a rejection."""
        return Answer.REJECT


class ToolReader:
    """Lists and calls the tools.

    Args:
        bench: the workbench of the workspace.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = replace(bench, mode=Mode.PLAN, person=None, agent="mcp")
        self._tools = Toolset(TOOLS)

    def list_tools(self) -> types.ListToolsResult:
        """Return all tools, each marked as one that only reads."""
        reads = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
        listed = [
            types.Tool(
                name=one.name,
                description=DESCRIPTIONS[one.name],
                input_schema=describe_arguments(one),
                annotations=reads,
            )
            for one in TOOLS
        ]
        return types.ListToolsResult(tools=listed)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call the tool `name`; an unknown tool, wrong arguments and a refusal are results that say so."""
        wanted = ToolCall(uuid.uuid4().hex, name, dict(arguments))
        prepared = await prepare_call(wanted, self._tools, self._bench)
        result = await run_call(prepared, self._bench, Spending(TurnLimits()))
        text = types.TextContent(type="text", text=_LONE.sub("\ufffd", result.text))
        return types.CallToolResult(content=[text], is_error=result.failed)
