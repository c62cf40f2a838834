"""The tools of deployments: each action is asked about with its whole plan, whatever the rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import Isolation
from agents.ports.deployments import Action
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import Effect, RuleSet, parse_rule
from tests.agents.team.fake_deployments import TEXT, FakeDeployments

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

ACTIONS = {
    "check_target": Action.CHECK,
    "deploy": Action.DEPLOY,
    "deploy_status": Action.STATUS,
    "roll_back": Action.ROLL_BACK,
}


@pytest.mark.parametrize("tool", ACTIONS)
async def test_the_question_shows_the_whole_plan_and_a_yes_runs_it(bench: TeamBench, tool: str) -> None:
    deployments = FakeDeployments()
    bench.options["deployments"] = deployments
    assert await bench.call(tool, target="prod") == ("what happened", False)
    assert deployments.ran == [ACTIONS[tool]]
    (asked,) = bench.gate.calls
    assert asked.subject == TEXT.replace("\u202e", "\\u202e")
    assert (asked.tool.name, asked.title, asked.isolation) == (tool, f"{ACTIONS[tool]} on prod", Isolation())


@pytest.mark.parametrize("tool", ACTIONS)
async def test_a_no_runs_nothing(bench: TeamBench, tool: str) -> None:
    deployments = FakeDeployments()
    bench.options["deployments"] = deployments
    bench.gate.answer = False
    assert (await bench.call(tool, target="prod"))[1]
    assert deployments.ran == []


@pytest.mark.parametrize("tool", ACTIONS)
async def test_no_rule_answers_the_question(bench: TeamBench, tool: str) -> None:
    rules = RuleSet((parse_rule(Effect.ALLOW, tool), parse_rule(Effect.ALLOW, "*")))
    bench.options |= {"deployments": FakeDeployments(), "rules": rules}
    await bench.call(tool, target="prod")
    (asked,) = bench.gate.calls
    assert (asked.rule, asked.asks) == ("", True)


async def test_a_rule_denies_and_plan_mode_denies(bench: TeamBench) -> None:
    deployments = FakeDeployments()
    bench.options |= {"deployments": deployments, "rules": RuleSet((parse_rule(Effect.DENY, "deploy"),))}
    assert "A rule denies this call" in (await bench.call("deploy", target="prod"))[0]
    bench.options |= {"rules": RuleSet(), "mode": Mode.PLAN}
    assert "in plan mode agents only read" in (await bench.call("deploy", target="prod"))[0]
    assert (bench.gate.calls, deployments.ran) == ([], [])


async def test_a_plan_without_commands_is_not_asked_about(bench: TeamBench) -> None:
    deployments = FakeDeployments(commands=())
    bench.options["deployments"] = deployments
    await bench.call("check_target", target="prod")
    assert (bench.gate.calls, deployments.ran) == ([], [Action.CHECK])


async def test_an_unknown_target_and_a_workspace_without_targets_are_said(bench: TeamBench) -> None:
    assert "no target of deployments for this workspace" in (await bench.call("deploy", target="prod"))[0]
    bench.options["deployments"] = FakeDeployments()
    assert "there are: prod." in (await bench.call("deploy", target="stage"))[0]
    assert bench.gate.calls == []


async def test_agents_cannot_add_to_what_runs(bench: TeamBench) -> None:
    bench.options["deployments"] = FakeDeployments()
    text, failed = await bench.call("deploy", target="prod", command="rm -rf /")
    assert failed
    assert "command" in text
    assert bench.gate.calls == []


async def test_targets_records_and_means_are_listed_without_a_question(bench: TeamBench) -> None:
    bench.write("#- .github/workflows/ci.yml\nx\n#- compose.yaml\nx\n#- src/compose.yaml.py\nx\n#- deploy.sh\nx\n")
    text = (await bench.call("list_targets"))[0]
    assert "- .github/workflows/ci.yml: GitHub Actions (kind push)" in text
    assert "- compose.yaml: Docker Compose (kind compose)" in text
    assert "src/compose.yaml.py" not in text
    assert "no target of deployments" in text
    bench.options["deployments"] = FakeDeployments()
    text = (await bench.call("list_targets"))[0]
    assert "- prod: ssh, host:/srv/app, only from the branch main" in text
    assert "prod: deployment of 1a2b3c4, done" in text
    assert bench.gate.calls == []
