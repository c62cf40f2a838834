"""The check of an agent's own changes: problems go back to it, fixes without gain are undone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.edits import Edit, TextChange
from agents.findings import Finding, Severity
from agents.ports.commands import CommandResult
from agents.ports.test_commands import TestCommand
from agents.team.events import Noted, TextArrived, TurnStatus
from agents.team.limits import Spending, TurnLimits
from agents.team.permissions.rules import RuleSet
from agents.team.turn.conversation import Conversation
from agents.team.turn.self_check import run_checked_turn
from indexing.syntax.documents import Span
from models.chat import Message, Speaker
from tests.agents.team.led.led_runs import FakeRunner

if TYPE_CHECKING:
    from agents.edits import ProposedEdit
    from agents.team.events import TurnEnded
    from indexing.syntax.documents import Document
    from tests.agents.team.bench import TeamBench


def review(document: Document) -> list[Finding]:
    """Return one error for each `BAD` in a text, and a hint for each `odd`."""
    found = []
    for word, severity in (("BAD", Severity.ERROR), ("odd", Severity.HINT)):
        at = document.text.find(word)
        while at >= 0:
            found.append(Finding(word.lower(), severity, Span(at, at + 3), f"{word} is here."))
            at = document.text.find(word, at + 1)
    return found


def write(text: str) -> str:
    """Return a line of a script that writes `a.py`."""
    return f"===\n@times 1\n@call write_file {json.dumps({'path': 'a.py', 'text': text})}\n"


async def run(bench: TeamBench, script: str) -> TurnEnded:
    """Run one checked turn with a model that answers as `script` says."""
    bench.options["review"] = review
    agent = bench.make_agent(script)
    bench.conversation = Conversation(agent.chat.count_tokens, 16_384, [Message(Speaker.USER, "go")])
    return await run_checked_turn(agent, bench.conversation, bench.workbench, Spending(TurnLimits()))


async def test_changes_without_new_problems_are_the_end(bench: TeamBench) -> None:
    (bench.root / "a.py").write_text("BAD = 1\n")  # was there before: not the agent's problem
    ended = await run(bench, write("BAD = 2\nodd = 1\n") + "===\nDone.\n")
    assert (ended.status, ended.text, len(bench.gate.proposals)) == (TurnStatus.DONE, "Done.", 1)


async def test_a_problem_goes_back_to_the_agent_and_its_fix_is_kept(bench: TeamBench) -> None:
    script = write("BAD = 1\n") + "===\n@times 1\nDone.\n" + write("good = 1\n") + "===\nFixed.\n"
    ended = await run(bench, script)
    assert (ended.text, bench.read("a.py")) == ("Fixed.", "good = 1\n")
    told = [one.text for one in bench.conversation.messages if "There are these problems" in one.text]
    assert len(told) == 1
    assert "a.py:1: BAD is here. (bad)" in told[0]
    shown = [one for one in bench.events if isinstance(one, Noted | TextArrived)]
    between = next(number for number, one in enumerate(shown) if isinstance(one, Noted))
    assert shown[between] == Noted("The check of the changes found 1 problem; the agent is told.")
    texts = [
        "".join(one.text for one in part if isinstance(one, TextArrived)) for part in (shown[:between], shown[between:])
    ]
    assert texts == ["Done.", "Fixed."], "no client joins them"


@pytest.mark.parametrize("second", ["BAD = 2\n", "BAD = BAD\n"])
async def test_a_fix_without_gain_is_undone_and_two_end_the_check(second: str, bench: TeamBench) -> None:
    script = (
        write("BAD = 1\n")
        + "===\n@times 1\nDone.\n"
        + write(second)
        + "===\n@times 1\nFixed.\n"
        + write("BAD = 4\n")
        + "===\nFixed again.\n"
    )
    ended = await run(bench, script)
    assert bench.read("a.py") == "BAD = 1\n"
    assert ended.text == "Done.\n\nNot fixed: a.py:1: BAD is here. (bad)."
    assert any(isinstance(one, Noted) and "it is undone" in one.text for one in bench.events)


@pytest.mark.parametrize(("kept", "told"), [("BAD", True), ("good", False)])
async def test_only_the_parts_that_were_applied_are_checked(kept: str, bench: TeamBench, *, told: bool) -> None:
    (bench.root / "a.py").write_text("a = 1\n")

    def keep_line(proposal: ProposedEdit) -> ProposedEdit:
        [change] = proposal.changes
        assert isinstance(change, TextChange)
        [line] = [line for line in change.after.splitlines(keepends=True) if kept in line]
        return replace(proposal, changes=(replace(change, edits=(Edit(0, len(change.before), line),)),))

    bench.gate.narrow, bench.gate.left_out = keep_line, ("a.py, line 1",)
    await run(bench, write("BAD = 1\ngood = 1\n") + "===\nDone.\n")
    assert bench.read("a.py") == f"{kept} = 1\n"
    assert any("There are these problems" in one.text for one in bench.conversation.messages) is told


async def test_a_cancelled_turn_is_not_checked(bench: TeamBench) -> None:
    bench.options["cancelled"] = lambda: bool(bench.gate.proposals)
    ended = await run(bench, write("BAD = 1\n") + "===\nDone.\n")
    assert ended.status is TurnStatus.CANCELLED
    assert not any("There are these problems" in one.text for one in bench.conversation.messages)


async def test_without_changes_nothing_is_reviewed(bench: TeamBench) -> None:
    def fail(_: Document) -> list[Finding]:
        raise AssertionError("nothing was changed")

    agent = bench.make_agent("===\nAn answer.\n")
    bench.options["review"] = fail
    conversation = Conversation(agent.chat.count_tokens, 16_384, [Message(Speaker.USER, "go")])
    ended = await run_checked_turn(replace(agent), conversation, bench.workbench, Spending(TurnLimits()))
    assert ended.text == "An answer."


async def test_tests_judge_where_a_rule_allows_them(bench: TeamBench) -> None:
    failed = CommandResult(1, "FAILED tests/test_a.py::test_x - assert 1 == 2\n== 1 failed in 0.1s ==")
    runner = FakeRunner([failed, CommandResult(0, "== 1 passed in 0.1s ==")])
    bench.options |= {
        "commands": runner, "rules": RuleSet.parse(allow=["run_tests command pytest *"]),
        "choose_tests": lambda folder, _: TestCommand(("pytest", "-q"), folder),
    }  # fmt: skip
    ended = await run(bench, write("x = 1\n") + "===\n@times 1\nDone.\n" + write("x = 2\n") + "===\nFixed.\n")
    assert (ended.text, bench.read("a.py")) == ("Fixed.", "x = 2\n")
    told = [one.text for one in bench.conversation.messages if "There are these problems" in one.text]
    assert len(told) == 1
    assert "1 failed" in told[0]
    assert runner.lines == ["pytest -q", "pytest -q"]


async def test_an_agent_that_changes_nothing_more_ends_the_check(bench: TeamBench) -> None:
    ended = await run(bench, write("BAD = 1\n") + "===\n@times 1\nDone.\n" + "===\nIt was meant so.\n")
    assert ended.text == "It was meant so.\n\nNot fixed: a.py:1: BAD is here. (bad)."
    assert len([one for one in bench.conversation.messages if "There are these problems" in one.text]) == 1
