"""The arguments of calls, checked against the tools' own records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.failure import ToolFailed
from agents.team.tools.all_tools import TOOLS
from agents.team.toolset import validate

if TYPE_CHECKING:
    from agents.team.tool import TeamTool


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_wrong_arguments_are_answered_with_every_definition_that_is_referred_to(tool: TeamTool[Any]) -> None:
    with pytest.raises(ToolFailed) as refused:
        validate(tool, {"no such argument": 1})
    said = str(refused.value)
    assert "no such argument" in said
    named = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', said))
    definitions = said.partition(" with $defs: ")[2]
    assert not [name for name in named if f'"{name}": {{' not in definitions]
