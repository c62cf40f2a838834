"""The workflow `deploy` with a double of the deployments: which target, what is asked, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from agents.ports.deployments import Action, DeploymentOutcome, DeploymentRecord, DeploymentState, Plan, Target
from agents.team.events import TurnStatus
from tests.agents.team.fake_deployments import FakeDeployments
from tests.agents.team.workflows.flows import AREA, Flow, call, make_repository, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.permissions import Cancelled
    from agents.ports.person import PlanAnswer, PlanQuestion
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

CAUSE = section("Find out why it failed, by reading", "The port is taken.")


@dataclass
class FailingDeployments(FakeDeployments):
    """Deployments of which some actions fail, to several targets; each deployment that runs is recorded.

    Attributes:
        names: names of the targets.
        failing: the actions that fail.
        records: the recorded deployments, newest first.
    """

    names: tuple[str, ...] = ("prod",)
    failing: frozenset[Action] = frozenset()
    records: list[DeploymentRecord] = field(default_factory=list)

    def list_targets(self) -> tuple[Target, ...]:
        """Return the targets."""
        return tuple(Target(name, "directory", f"/srv/{name}") for name in self.names)

    async def plan(self, action: Action, target: str) -> Plan:
        """Return a plan."""
        return Plan(action, target, f"{action} on {target}", "what runs", ("true",))

    async def run(self, plan: Plan, *, cancelled: Cancelled | None = None) -> DeploymentOutcome:
        """Remember and record the action; fail where that is wanted."""
        del cancelled
        self.ran.append(plan.action)
        failed = plan.action in self.failing
        if plan.action is Action.DEPLOY:
            state = DeploymentState.FAILED if failed else DeploymentState.DONE
            record = DeploymentRecord(str(len(self.ran)), "/w", plan.target, "deploy", "1a2b", "", state, 1, 2, "o", "")
            self.records.insert(0, record)
        return DeploymentOutcome(not failed, f"{plan.action}: {'failed' if failed else 'done'}")

    def list_records(self, target: str = "", limit: int = 20) -> tuple[DeploymentRecord, ...]:
        """Return the records."""
        return tuple(one for one in self.records if not target or one.target == target)[:limit]


@dataclass
class ChoosingPerson:
    """A person who chooses the answer `wanted`; remembers what was offered."""

    wanted: str
    offered: tuple[str, ...] = ()

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Return the answer."""
        del question
        self.offered = tuple(choices)
        return self.wanted

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Give no answer."""
        del question


def make_flow(bench: TeamBench, store: SessionStore, deployments: FailingDeployments, script: str = CAUSE) -> Flow:
    """Return a session in which the workflow runs."""
    make_repository(bench.root, {"area.py": AREA})
    bench.options["deployments"] = deployments
    return Flow(bench, store, script, "deploy")


async def test_check_deployment_and_status_are_asked_in_this_order(bench: TeamBench, store: SessionStore) -> None:
    flow = make_flow(bench, store, FailingDeployments())
    ended = await flow.run("bring it to the server")
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == ["target", "check", "deploy", "status"]
    assert [one.tool.name for one in bench.gate.calls] == ["check_target", "deploy", "deploy_status"]


async def test_a_target_that_is_not_ready_is_not_deployed_to(bench: TeamBench, store: SessionStore) -> None:
    deployments = FailingDeployments(failing=frozenset({Action.CHECK}))
    ended = await make_flow(bench, store, deployments).run("deploy")
    assert ended.status is TurnStatus.LIMIT
    assert deployments.ran == [Action.CHECK]
    assert "Nothing was deployed. check: failed" in ended.text


@pytest.mark.parametrize("action", [Action.DEPLOY, Action.STATUS])
async def test_what_fails_is_rolled_back_and_then_the_cause_is_looked_for(
    bench: TeamBench, store: SessionStore, action: Action
) -> None:
    deployments = FailingDeployments(failing=frozenset({action}))
    flow = make_flow(bench, store, deployments)
    ended = await flow.run("deploy")
    assert ended.status is TurnStatus.LIMIT
    assert deployments.ran[-1] is Action.ROLL_BACK
    assert flow.steps[-3:] == ["back", "cause", "taken_back"]
    assert f"The deployment failed and was taken back. {action}: failed The port is taken." in ended.text


async def test_a_rollback_that_fails_is_said_with_what_failed_before(bench: TeamBench, store: SessionStore) -> None:
    deployments = FailingDeployments(failing=frozenset({Action.DEPLOY, Action.ROLL_BACK}))
    ended = await make_flow(bench, store, deployments).run("deploy")
    assert "The deployment failed and was not taken back. deploy: failed\n\nroll_back: failed" in ended.text


async def test_a_refused_deployment_offers_no_rollback(bench: TeamBench, store: SessionStore) -> None:
    deployments = FailingDeployments()
    flow = make_flow(bench, store, deployments)
    bench.gate.answer = False
    ended = await flow.run("deploy")
    assert ended.status is TurnStatus.LIMIT
    assert deployments.ran == []
    assert "back" not in flow.steps


async def test_the_agent_that_looks_for_the_cause_deploys_nothing(bench: TeamBench, store: SessionStore) -> None:
    deployments = FailingDeployments(failing=frozenset({Action.DEPLOY}))
    script = section(
        "Find out why it failed, by reading", call("deploy", target="prod"), call("roll_back", target="prod"), "No."
    )
    await make_flow(bench, store, deployments, script).run("deploy")
    assert deployments.ran == [Action.CHECK, Action.DEPLOY, Action.ROLL_BACK]


async def test_of_several_targets_the_person_chooses(bench: TeamBench, store: SessionStore) -> None:
    flow = make_flow(bench, store, FailingDeployments(names=("prod", "stage", "stage-2")))
    flow.bench.options["person"] = person = ChoosingPerson("stage")
    flow.team = replace(flow.team, bench=flow.bench.workbench)
    await flow.run("deploy it")
    assert person.offered == ("prod", "stage", "stage-2")
    assert flow.bench.gate.calls[0].title == "check on stage"


async def test_a_name_in_the_request_is_the_target_and_a_longer_name_is_not(
    bench: TeamBench, store: SessionStore
) -> None:
    flow = make_flow(bench, store, FailingDeployments(names=("prod", "stage", "stage-2")))
    await flow.run("deploy it to stage-2")
    assert flow.bench.gate.calls[0].title == "check on stage-2"


async def test_without_a_target_nothing_runs(bench: TeamBench, store: SessionStore) -> None:
    deployments = FailingDeployments(names=())
    script = section("No target of deployments is declared", "Add a table.")
    ended = await make_flow(bench, store, deployments, script).run("deploy")
    assert "your settings have no target for this workspace. Add a table." in ended.text
    assert deployments.ran == []
