"""The workflow `tdd` end to end: a real repository, real runs of its tests, a scripted model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.sessions import EntryKind
from agents.team.events import CallEnded, TurnStatus
from tests.agents.team.workflows.flows import (
    ADD,
    AREA,
    CODER,
    PASSING,
    PATH,
    REQUIREMENTS,
    REVIEW,
    TEST,
    TESTER,
    TESTS,
    Died,
    Flow,
    call,
    make_repository,
    replace,
    section,
    write,
)

if TYPE_CHECKING:
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the double of the runner uses /bin/sh")

EARLY = TEST.replace("area.triple(2), 6", "area.double(2), 4")
WRONG = ADD.replace("3 * x", "4 * x")


@pytest.fixture
def repository(bench: TeamBench) -> TeamBench:
    """Return a workspace that is a repository with a module."""
    make_repository(bench.root, {"area.py": AREA})
    return bench


def list_refusals(flow: Flow) -> list[str]:
    """Return the results of the failed calls, without runs of the tests."""
    ended = (one for one in flow.events if isinstance(one, CallEnded))
    return [one.text for one in ended if one.failed and one.tool != "run_tests"]


async def test_tests_come_first_and_fail_then_code_makes_them_pass_and_is_committed(
    repository: TeamBench, store: SessionStore
) -> None:
    flow = Flow(repository, store, PASSING, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH
    red, green = flow.facts[2], flow.facts[4]
    assert (red["tests"]["failed"], green["tests"]["failed"], green["tests"]["passed"]) == (1, 0, 1)
    assert flow.git("log", "--format=%s") == "add triple(x)\nfirst\n"
    assert flow.git("show", "--format=", "--name-only") == "area.py\ntest_area.py\n"
    assert flow.entries[-1].kind is EntryKind.AGENT
    assert "- red: The tests fail as they have to. test_area.py: 0 passed, 1 failed." in ended.text
    assert [one.tool.name for one in repository.gate.calls] == ["run_tests"] * 3 + ["git_commit"]
    assert flow.facts[-1]["tokens"] == ended.tokens > 0


async def test_a_test_that_passes_before_the_code_is_sent_back_once(repository: TeamBench, store: SessionStore) -> None:
    tester = section("you do not write it. Write the tests", write("test_area.py", EARLY), "One test.")
    again = section("Change the tests, and only these", replace("test_area.py", "double(2), 4", "triple(2), 6"), "Now.")
    flow = Flow(repository, store, REQUIREMENTS + tester + again + CODER + REVIEW, "tdd")
    assert (await flow.run()).status is TurnStatus.DONE
    assert flow.steps == [*PATH[:3], "sent_back", "tests_again", *PATH[2:]]


async def test_a_test_that_passes_again_ends_the_workflow_before_any_code(
    repository: TeamBench, store: SessionStore
) -> None:
    tester = section("you do not write it. Write the tests", write("test_area.py", EARLY), "One test.")
    again = section("Change the tests, and only these", "It is good as it is.")
    flow = Flow(repository, store, REQUIREMENTS + tester + again, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "The tests passed before the code was written, also after they were sent back." in ended.text
    assert "No test fails: test_area.py." in ended.text
    assert repository.read("area.py") == AREA
    assert flow.steps[-1] == "no_failing_test"


async def test_a_tester_without_a_test_is_sent_back(repository: TeamBench, store: SessionStore) -> None:
    tester = section("you do not write it. Write the tests", "There is nothing to test.")
    again = section("Change the tests, and only these", write("test_area.py", TEST), "Now there is one.")
    flow = Flow(repository, store, REQUIREMENTS + tester + again + CODER + REVIEW, "tdd")
    assert (await flow.run()).status is TurnStatus.DONE
    assert any("No test file was added or changed." in one.text for one in flow.entries)


async def test_three_fixes_then_another_approach(repository: TeamBench, store: SessionStore) -> None:
    coder = section("Write the code with which they pass", WRONG, "triple is there.")
    fix = section("Find out why, and fix the code", "I see nothing wrong.")
    another = section("These fixes lead nowhere", replace("area.py", "4 * x", "x + x + x"), "Added up instead.")
    flow = Flow(repository, store, REQUIREMENTS + TESTER + coder + fix + another + REVIEW, "tdd")
    assert (await flow.run()).status is TurnStatus.DONE
    rounds = ["fixes", "fix", "green"] * 3
    assert flow.steps == [*PATH[:5], *rounds, "fixes", "other_ways", "another", *PATH[4:]]
    fixing = next(one for one in flow.bench.chat.requests if "fix the code" in one.messages[-1].text)
    assert "AssertionError: 8 != 6" in fixing.messages[-1].text


async def test_when_another_approach_fails_the_workflow_ends_without_a_commit(
    repository: TeamBench, store: SessionStore
) -> None:
    coder = section("Write the code with which they pass", WRONG, "triple is there.")
    fix = section("Find out why, and fix the code", "I see nothing wrong.")
    another = section("These fixes lead nowhere", "Me neither.")
    flow = Flow(repository, store, REQUIREMENTS + TESTER + coder + fix + another, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "The tests still fail after three fixes and another approach." in ended.text
    assert flow.steps.count("fix") == 3
    assert flow.steps.count("another") == 1
    assert flow.git("log", "--format=%s") == "first\n"
    assert "4 * x" in repository.read("area.py")


async def test_the_coder_may_change_no_test_and_run_no_command(repository: TeamBench, store: SessionStore) -> None:
    cheating = section(
        "Write the code with which they pass",
        replace("test_area.py", "6", "8"),
        call("delete_file", path="test_area.py", why="It fails."),
        call("need", capability="diagnose"),
        call("execute_command", command="rm test_area.py"),
        ADD,
        "triple is there.",
    )
    flow = Flow(repository, store, REQUIREMENTS + TESTER + cheating + REVIEW, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert repository.read("test_area.py") == TEST
    failed = list_refusals(flow)
    refused = "test_area.py is a test, and this step of the workflow may not change tests; change the code."
    assert [refused in one for one in failed] == [True, True, False]
    assert "In this step of the workflow agents run nothing but tests" in failed[2]


async def test_the_tester_may_change_nothing_but_tests(repository: TeamBench, store: SessionStore) -> None:
    tester = section("you do not write it. Write the tests", ADD, write("test_area.py", TEST), "One test.")
    flow = Flow(repository, store, REQUIREMENTS + tester + CODER + REVIEW, "tdd")
    assert (await flow.run()).status is TurnStatus.DONE
    failed = list_refusals(flow)
    assert failed == ["area.py is no test, and this step of the workflow may only change tests."]


async def test_tests_that_were_changed_by_something_else_end_the_workflow(
    repository: TeamBench, store: SessionStore
) -> None:
    cheat = ADD.replace("return 2 * x\\n\\n", "return 2 * x\\n\\nopen('test_area.py', 'w').close()\\n\\n")
    coder = section("Write the code with which they pass", cheat, call("run_tests"), "triple is there.")
    flow = Flow(repository, store, REQUIREMENTS + TESTER + coder, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "Tests were changed while only code was to be changed: test_area.py." in ended.text


async def test_a_rejected_change_is_reworked_once(repository: TeamBench, store: SessionStore) -> None:
    review = section("Review these changes against", "Say what it does.\n**Verdict:** rejected", "Verdict: approved")
    rework = section("the tech lead rejected the", replace("area.py", "3 * x\n", "3 * x  # thrice\n"), "Done.")
    flow = Flow(repository, store, REQUIREMENTS + TESTER + CODER + review + rework, "tdd")
    assert (await flow.run()).status is TurnStatus.DONE
    assert flow.steps == [*PATH[:7], "reworks", "rework", *PATH[4:]]


async def test_tests_that_may_not_run_leave_the_workflow_open(repository: TeamBench, store: SessionStore) -> None:
    flow = Flow(repository, store, PASSING, "tdd")
    choose = flow.team.bench.choose_tests
    object.__setattr__(flow.team.bench, "choose_tests", lambda *_: "No tests are known; set `review.testCommand`.")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "set `review.testCommand`" in ended.text
    object.__setattr__(flow.team.bench, "choose_tests", choose)
    assert (await flow.run("go on")).status is TurnStatus.DONE
    assert flow.steps == [*PATH[:3], *PATH[2:]]


async def test_tests_that_have_to_fail_are_no_problem_of_the_tester(repository: TeamBench, store: SessionStore) -> None:
    repository.options["test_command"] = TESTS
    flow = Flow(repository, store, PASSING, "tdd")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert "Not fixed" not in ended.text
    asked = [one for one in flow.bench.chat.requests if "you do not write it. Write the tests" in one.messages[1].text]
    assert len(asked) == 2


@pytest.mark.parametrize("step", PATH)
async def test_after_a_kill_the_workflow_goes_on_at_the_open_step(
    repository: TeamBench, store: SessionStore, step: str
) -> None:
    flow = Flow(repository, store, PASSING, "tdd", die_at=step)
    with pytest.raises(Died):
        await flow.run()
    assert flow.steps == PATH[: PATH.index(step)]
    ended = await flow.run(repeats=False)
    assert ended.status is TurnStatus.DONE
    assert flow.steps == PATH
    assert len(flow.bench.chat.requests) == 6  # two answers of tester and coder, one of the others
    assert flow.git("rev-list", "--count", "HEAD") == "2\n"


async def test_a_workflow_that_has_ended_is_not_done_twice_unless_a_person_wants_it(
    repository: TeamBench, store: SessionStore
) -> None:
    again = section("Change the tests, and only these", "It is done already.")
    flow = Flow(repository, store, PASSING + again, "tdd")
    first = await flow.run()
    asked = len(flow.bench.chat.requests)
    assert (await flow.run(repeats=False)).text == first.text
    assert len(flow.bench.chat.requests) == asked
    assert (await flow.run()).status is TurnStatus.LIMIT  # begun anew, and no test fails
    assert len(flow.bench.chat.requests) > asked


async def test_where_the_task_commits_no_commit_is_proposed(repository: TeamBench, store: SessionStore) -> None:
    flow = Flow(repository, store, PASSING, "tdd")
    assert (await flow.run(commits=False)).status is TurnStatus.DONE
    assert flow.git("log", "--format=%s") == "first\n"
    assert flow.facts[-1]["step"] == "commit"


async def test_a_request_that_is_cancelled_during_a_run_of_tests_is_cancelled_and_goes_on_at_that_step(
    repository: TeamBench, store: SessionStore
) -> None:
    flow = Flow(repository, store, PASSING, "tdd", cancel_at="red")
    assert (await flow.run()).status is TurnStatus.CANCELLED
    assert flow.steps[-1] == "red"
    flow.cancel_at = ""
    ended = await flow.run("go on")
    assert ended.status is TurnStatus.DONE, ended.text
    assert [*dict.fromkeys(flow.steps)] == PATH
