"""The runner's states: begun, open, ended, and bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.team.events import TurnStatus
from agents.team.limits import TurnLimits
from agents.team.permissions.modes import Mode
from agents.team.role_files import load_roles
from agents.team.session_notes import SessionNotes
from agents.team.workflows.runner import open_state
from agents.team.workflows.test_files import TestFiles
from agents.team.workflows.workflow_files import Workflow, Workflows, load_workflows, parse_workflow
from agents.team.workflows.workflow_state import MOST_NAMES, WorkflowState, load_state
from tests.agents.team.workflows.flows import Flow, section

if TYPE_CHECKING:
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

TDD = load_workflows(load_roles()).by_name["tdd"]
CIRCLE = """
title = "Circle"
description = "Two steps without end."
[limits]
visits = 5
[[steps]]
name = "one"
kind = "agent"
role = "ask"
prompt = "one: {request} {answer:two}"
then = "two"
[[steps]]
name = "two"
kind = "condition"
of = "one"
has = "End : now"
then = ""
otherwise = "one"
"""


def use(flow: Flow, text: str) -> None:
    """Have the flow's team know the workflow `mine` with this text."""
    workflows = Workflows({"mine": Workflow("mine", parse_workflow("mine", text))})
    flow.team = replace(flow.team, workflows=workflows)


def test_the_state_survives_the_notes_of_a_session() -> None:
    state = WorkflowState(
        "tdd", "add x", "code", {"red": 1}, {"tests": "Two."}, ["a.py"], {"t.py": "00"}, "F", ["l"], 7
    )
    loaded = SessionNotes.load(SessionNotes(workflow=state).dump())
    assert loaded is not None
    assert loaded.workflow == state


def test_a_damaged_state_is_none() -> None:
    good = WorkflowState("tdd", "add x", "code").dump()
    assert load_state(good) == WorkflowState("tdd", "add x", "code")
    assert load_state({**good, "visits": 3}) is None
    assert load_state({"name": "tdd"}) is None
    assert load_state(None) is None


def test_a_state_of_an_earlier_version_is_read() -> None:
    stored = WorkflowState("tdd", "add x", "code", {"red": 1}).dump()
    for name in ("boards", "scores", "report"):
        del stored[name]
    assert load_state(stored) == WorkflowState("tdd", "add x", "code", {"red": 1})


def test_names_of_changed_files_are_bounded() -> None:
    state = WorkflowState("tdd", "add x", "code")
    assert all(state.add_file(f"{number}.py") for number in range(MOST_NAMES))
    assert not state.add_file("one more.py")
    assert not state.add_file("0.py")


def test_an_open_state_gets_what_the_person_adds() -> None:
    state = open_state(TDD, WorkflowState("tdd", "add x", "code"), "and y", repeats=True)
    assert (state.step, state.request) == ("code", "add x\n\nThe person added: and y")


def test_a_state_of_another_workflow_or_with_an_unknown_step_is_not_used() -> None:
    assert open_state(TDD, WorkflowState("debug", "add x", "fix"), "y", repeats=True).step == "requirements"
    assert open_state(TDD, WorkflowState("tdd", "add x", "gone"), "y", repeats=True).step == "requirements"


def test_secrets_of_a_request_are_not_stored() -> None:
    state = open_state(TDD, None, "use the key AKIAIOSFODNN7EXAMPLQ", repeats=True)
    assert "AKIA" not in state.request


async def test_a_circle_ends_at_the_limit_of_steps(bench: TeamBench, store: SessionStore) -> None:
    flow = Flow(bench, store, section("one: add", "Not yet."), "mine")
    use(flow, CIRCLE)
    ended = await flow.run()
    assert (ended.status, flow.steps) == (TurnStatus.LIMIT, ["one", "two", "one", "two", "one"])
    assert "It has taken 5 steps, its limit." in ended.text


async def test_a_condition_reads_an_answer_in_any_case_and_with_any_marks(
    bench: TeamBench, store: SessionStore
) -> None:
    flow = Flow(bench, store, section("one: add", "**END**:  now"), "mine")
    use(flow, CIRCLE)
    assert (await flow.run()).status is TurnStatus.DONE


async def test_a_limit_of_tokens_leaves_the_workflow_open(bench: TeamBench, store: SessionStore) -> None:
    flow = Flow(bench, store, section("one: add", "Not yet."), "mine")
    use(flow, CIRCLE.replace("visits = 5", "tokens = 1000"))
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    notes = SessionNotes.load(next(one.details for one in reversed(flow.entries) if '"workflow": {' in one.details))
    assert notes is not None
    assert notes.workflow is not None
    assert not notes.workflow.end


async def test_an_agents_turn_has_the_persons_limits(bench: TeamBench, store: SessionStore) -> None:
    flow = Flow(bench, store, section("one: add", '@call list_files {"path": "."}'), "mine")
    use(flow, CIRCLE)
    flow.team = replace(flow.team, limits=TurnLimits(steps=2))
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert ended.text.startswith("The workflow stopped in the step one: The turn ended after 2 steps")


async def test_an_unknown_workflow_and_plan_mode_are_said(bench: TeamBench, store: SessionStore) -> None:
    flow = Flow(bench, store, section("", "Hello."), "magic")
    ended = await flow.run()
    assert ended.status is TurnStatus.FAILED
    assert ended.text == f"There is no workflow 'magic'; there are: {', '.join(load_workflows(load_roles()).by_name)}."
    flow.workflow, flow.team = "tdd", replace(flow.team, bench=replace(flow.team.bench, mode=Mode.PLAN))
    assert (await flow.run()).text == "A workflow changes files; start it where agents may change files."


def test_files_of_tests_are_known_by_their_names() -> None:
    files = TestFiles()
    names = ["tests/data.json", "test_a.py", "a_test.go", "src/a.spec.ts", "AreaTest.java", "conftest.py"]
    assert [one for one in names if not files.matches(one)] == []
    assert [one for one in ("area.py", "latest.py", "contest.py", "attestation.md") if files.matches(one)] == []
