"""The tool `execute_command`: the question that comes before, and the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from agents.team.permissions.rules import RuleSet
from tests.agents.team.bench import DirectRunner

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench


async def test_the_question_has_the_whole_line_and_says_how_the_command_is_confined(bench: TeamBench) -> None:
    isolation = Isolation("Landlock", confines_writes=True)
    bench.options["commands"] = DirectRunner(isolation=isolation)
    assert await bench.call("execute_command", command="echo hi; exit 3") == ("[exit status 3, 0.0 s]\nhi", True)
    (asked,) = bench.gate.calls
    assert (asked.subject, asked.isolation) == ("echo hi; exit 3", isolation)


async def test_a_requested_network_is_known_to_the_question(bench: TeamBench) -> None:
    bench.options["commands"] = DirectRunner()
    await bench.call("execute_command", command="true", network=True)
    (asked,) = bench.gate.calls
    assert asked.isolation is not None
    assert asked.isolation.requested == {"network"}


async def test_a_command_that_a_rule_allows_comes_without_warnings(bench: TeamBench) -> None:
    bench.options |= {"commands": DirectRunner(), "rules": RuleSet.parse(allow=("execute_command command true",))}
    await bench.call("execute_command", command="true")
    (asked,) = bench.gate.calls
    assert asked.rule
    assert asked.isolation is None


async def test_nobody_is_asked_where_no_command_can_run(bench: TeamBench) -> None:
    text, failed = await bench.call("execute_command", command="true")
    assert (text, failed, bench.gate.calls) == ("No command can be run here; say what should be run.", True, [])
