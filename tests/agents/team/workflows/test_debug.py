"""The workflow `debug` end to end: a real repository, real runs of its tests, a scripted model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.team.events import TurnStatus
from tests.agents.team.workflows.flows import Died, Flow, make_repository, replace, section, write

if TYPE_CHECKING:
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the double of the runner uses /bin/sh")

PRICES = "def mean(prices):\n    return sum(prices) / len(prices)\n"
HEAD = "import unittest\n\nimport prices\n\n\nclass Mean(unittest.TestCase):\n"
OLD = f"{HEAD}    def test_two(self):\n        self.assertEqual(prices.mean([1, 3]), 2)\n"
TEST = f"{HEAD}    def test_none(self):\n        self.assertEqual(prices.mean([]), 0)\n"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "prices.py", line 2, in mean\nZeroDivisionError: division by zero'
)

REPRODUCE = section("Reproduce it: read the code", write("test_none.py", TEST), "mean([]) raises.")
HYPOTHESES = section("Find the cause and change nothing yet", "The length is not checked (prices.py:2).")
GUARD = "    if not prices:\n        return 0\n    return"
FIX = section("Fix the cause with the smallest change", replace("prices.py", "    return", GUARD), "Checked.")
PATH = ["reproduce", "red", "hypotheses", "fix", "green", "commit"]


@pytest.fixture
def repository(bench: TeamBench) -> TeamBench:
    """Return a workspace that is a repository with an error and a test that passes."""
    make_repository(bench.root, {"prices.py": PRICES, "test_two.py": OLD})
    return bench


async def test_an_error_is_reproduced_by_a_test_then_explained_fixed_and_committed(
    repository: TeamBench, store: SessionStore
) -> None:
    flow = Flow(repository, store, REPRODUCE + HYPOTHESES + FIX, "debug")
    ended = await flow.run(TRACEBACK)
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH
    assert flow.facts[4]["tests"]["passed"] == 2  # the regression test and the one that was there
    assert flow.git("show", "--format=", "--name-only") == "prices.py\ntest_none.py\n"
    fixing = next(one for one in flow.bench.chat.requests if "Fix the cause with" in one.messages[-1].text)
    assert "ZeroDivisionError" in fixing.messages[-1].text
    assert "The length is not checked" in fixing.messages[-1].text


async def test_a_test_that_fails_already_needs_no_new_one(repository: TeamBench, store: SessionStore) -> None:
    (repository.root / "test_none.py").write_text(TEST)
    reproduce = section("Reproduce it: read the code", "test_none fails already.")
    flow = Flow(repository, store, reproduce + HYPOTHESES + FIX, "debug")
    ended = await flow.run("test_none.Mean.test_none fails")
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH


async def test_an_error_that_no_test_reproduces_is_not_fixed(repository: TeamBench, store: SessionStore) -> None:
    reproduce = section("Reproduce it: read the code", "I cannot see it.")
    again = section("It was not reproduced", "I still cannot.")
    flow = Flow(repository, store, reproduce + again, "debug")
    ended = await flow.run("it crashes sometimes")
    assert ended.status is TurnStatus.LIMIT
    assert "could not be reproduced by a test in two attempts, so nothing was fixed" in ended.text
    assert flow.steps == ["reproduce", "red", "sent_back", "reproduce_again", "red", "sent_back", "not_reproduced"]
    assert repository.read("prices.py") == PRICES


async def test_a_fix_that_breaks_another_test_is_changed_up_to_three_times_then_another_way_is_taken(
    repository: TeamBench, store: SessionStore
) -> None:
    breaking = section(
        "Fix the cause with the smallest change",
        replace("prices.py", "    return sum(prices) / len(prices)", "    return 0"),
        "Done.",
    )
    again = section("find out whether the fix is wrong", "It should work.")
    another = section(
        "The cause is probably another one",
        replace("prices.py", "    return 0", "    return sum(prices) / len(prices) if prices else 0"),
        "So.",
    )
    flow = Flow(repository, store, REPRODUCE + HYPOTHESES + breaking + again + another, "debug")
    ended = await flow.run(TRACEBACK)
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps.count("fix_again") == 3
    assert flow.steps[-3:] == ["another", "green", "commit"]


@pytest.mark.parametrize("step", PATH)
async def test_after_a_kill_the_workflow_goes_on_at_the_open_step(
    repository: TeamBench, store: SessionStore, step: str
) -> None:
    flow = Flow(repository, store, REPRODUCE + HYPOTHESES + FIX, "debug", die_at=step)
    with pytest.raises(Died):
        await flow.run(TRACEBACK)
    assert (await flow.run(TRACEBACK)).status is TurnStatus.DONE
    assert flow.steps == PATH
    assert flow.git("rev-list", "--count", "HEAD") == "2\n"
