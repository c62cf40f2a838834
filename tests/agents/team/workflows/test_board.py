"""The workflow `board` end to end with a scripted model: verdicts at the same time, the decision, and its record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.events import Noted, TextArrived, TurnStatus
from agents.team.limits import TurnLimits
from agents.team.memory.team_memory import TeamMemory
from agents.team.workflows.board_records import load_board
from agents.team.workflows.workflow_files import Workflow, Workflows, parse_workflow
from server.state.memory_store import MemoryStore
from tests.agents.team.workflows.flows import Died, Flow, call, section, write
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

PLACE = "file:///w"
ROLES = ("tech_lead", "product_owner", "cfo", "risk", "legal", "security", "performance")
QUESTION = "Do we ship orders.py on Friday?"


def judge(verdict: str = "approve", score: float = 8, reasoning: str = "It is tested.", **more: Any) -> str:
    """Return a verdict with one criterion, as a model answers it."""
    criterion = {"name": "Tests", "threshold": 7, "weight": 5, "score": score, "reasoning": "They cover orders.py."}
    return json.dumps({"criteria": [criterion], "verdict": verdict, "reasoning": reasoning, **more})


def answer(role: str, *answers: str) -> str:
    """Return the sections of a script that answer as a role of the board; each but the last is given once."""
    return section(f"You are asked as the role {role}.", *answers)


RULING = json.dumps(
    {"decision": "approve", "reasoning": "All but one agree.", "conditions": ["Back up first"], "dissent": "legal"}
)
CEO = section("The roles have given their verdicts below", RULING)
OTHERS = "".join(answer(role, judge()) for role in ROLES[:-1])
ALL = OTHERS + answer("performance", judge()) + CEO


@pytest.fixture
def memory(bench: TeamBench) -> Iterator[MemoryStore]:
    """Yield the store of decisions, which the workbench uses."""
    state = make_state(None)
    store = MemoryStore(state)
    bench.options["memory"] = TeamMemory(store, PLACE)
    yield store
    state.close()


def make(bench: TeamBench, store: SessionStore, script: str, **options: Any) -> Flow:
    """Return a session in which the board answers by a script."""
    return Flow(bench, store, script, "board", **options)


def find_asked(flow: Flow) -> list[str]:
    """Return the roles that were asked, in order, once for each request to the model."""
    texts = [one.messages[1].text for one in flow.bench.chat.requests]
    heads = [one.partition("You are asked as the role ")[2] for one in texts]
    return [one.partition(".")[0] for one in heads if one]


async def test_every_verdict_and_the_decision_are_reported_and_kept(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    script = answer("legal", judge("reject", 3, "A licence | forbids it.")) + ALL
    flow = make(bench, store, script)
    ended = await flow.run(QUESTION)
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == ["verdicts", "decision"]
    assert sorted(find_asked(flow)) == sorted(ROLES)
    assert "# Decision: approve" in ended.text
    assert "| legal | reject | 3.0 | Tests |" in ended.text
    assert "A licence \\| forbids it." in ended.text
    assert "- Back up first" in ended.text
    assert ended.text.count("\n## ") == len(ROLES)
    (kept,) = memory.list_decisions(PLACE, 9)
    assert (kept.agent, kept.kind, kept.question, kept.verdict) == ("ceo", "board", QUESTION, "approve")
    board = load_board(kept.details)
    assert board is not None
    assert set(board.given) == set(ROLES)
    verdict = board.given["legal"].verdict
    assert verdict is not None
    assert (verdict.missed, verdict.criteria[0].weight) == (("Tests",), 5)
    deciding = flow.bench.chat.requests[-1].messages[-1].text
    assert "legal: reject, 3.0 of 10; below the threshold: Tests" in deciding
    assert "- Tests: score 3, threshold 7, weight 5." in deciding


async def test_the_raw_answers_are_not_shown_while_they_arrive(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    flow = make(bench, store, ALL)
    await flow.run(QUESTION)
    assert [one for one in flow.events if isinstance(one, TextArrived)] == []
    notes = [one.text for one in flow.events if isinstance(one, Noted)]
    assert {f"{role}: approve" for role in ROLES} <= set(notes)
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_broken_json_is_repaired_and_nonsense_is_asked_about_once_more(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    broken = f"Here it is:\n```json\n{judge().replace('}]', '},]')[:-1]}\n```"
    script = answer("cfo", broken) + answer("risk", "Sounds great to me!", judge("Rejected")) + ALL
    flow = make(bench, store, script)
    ended = await flow.run(QUESTION)
    assert "| cfo | approve | 8.0 |" in ended.text
    assert "| risk | reject | 8.0 |" in ended.text
    assert sorted(find_asked(flow)) == sorted((*ROLES, "risk"))
    again = next(one for one in flow.bench.chat.requests if "is not the JSON object" in one.messages[-1].text)
    assert "there is no JSON object in it" in again.messages[-1].text
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_a_role_that_answers_nonsense_twice_counts_as_no_verdict_with_the_reason(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    useless = json.dumps({"verdict": "perhaps", "reasoning": "Who knows."})
    flow = make(bench, store, answer("security", useless) + ALL)
    ended = await flow.run(QUESTION)
    assert ended.status is TurnStatus.DONE, ended.text
    assert "| security | no verdict | | |" in ended.text
    assert "It answered twice without the JSON object that was asked for: verdict: Input should be" in ended.text
    assert "no verdict: security" in ended.text
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_a_role_whose_model_fails_counts_as_no_verdict(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    failing = "=== You are asked as the role cfo.\n@status 400\n"
    ended = await make(bench, store, failing + ALL).run(QUESTION)
    assert ended.status is TurnStatus.DONE, ended.text
    assert "| cfo | no verdict | | |" in ended.text
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_if_no_roles_model_answers_the_step_stays_open(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    failing = "=== You are asked as the role\n@times 7\n@status 400\n"
    flow = make(bench, store, failing + ALL)
    ended = await flow.run(QUESTION)
    assert ended.status is TurnStatus.FAILED
    assert "No role answered:" in ended.text
    assert memory.list_decisions(PLACE, 9) == ()
    assert (await flow.run("go on")).status is TurnStatus.DONE
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_without_any_verdict_the_workflow_ends_and_says_why(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    ended = await make(bench, store, "=== You are asked as the role\nHm.\n").run(QUESTION)
    assert ended.status is TurnStatus.LIMIT
    assert "No role gave a verdict. tech_lead: It answered twice" in ended.text
    assert memory.list_decisions(PLACE, 9) == ()


async def test_without_a_decision_the_verdicts_are_kept(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    script = OTHERS + answer("performance", judge()) + section("The roles have given their verdicts below", "Hm.")
    ended = await make(bench, store, script).run(QUESTION)
    assert ended.status is TurnStatus.LIMIT
    assert "ceo gave no decision. It answered twice" in ended.text
    assert "# Decision: no decision" in ended.text
    (kept,) = memory.list_decisions(PLACE, 9)
    assert kept.verdict == "no decision"
    assert "performance" in kept.details


async def test_roles_of_the_board_only_read_and_ask_nobody(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    (bench.root / "orders.py").write_text("TOTAL = 1\n")
    acting = answer(
        "tech_lead",
        call("read_file", path="orders.py"),
        call("need", capability="engineering"),
        call("run_tests"),
        write("new.py", "x = 1\n"),
        judge(),
    )
    flow = make(bench, store, acting + ALL)
    ended = await flow.run(QUESTION)
    assert ended.status is TurnStatus.DONE, ended.text
    assert "| tech_lead | approve |" in ended.text
    assert not (bench.root / "new.py").exists()
    assert (bench.gate.proposals, bench.gate.calls) == ([], [])
    assert flow.bench.options["commands"].requests == []
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_a_killed_board_goes_on_with_the_verdicts_it_has(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    flow = make(bench, store, ALL)

    def take(event: object) -> None:
        flow.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Noted) and event.text == "cfo: approve":
            raise Died

    flow._take = take  # type: ignore[method-assign]
    with pytest.raises(Died):
        await flow.run(QUESTION)
    asked = find_asked(flow)
    del flow._take  # type: ignore[attr-defined]
    ended = await flow.run("go on")
    assert ended.status is TurnStatus.DONE, ended.text
    again = find_asked(flow)[len(asked) :]
    assert "cfo" not in again
    assert {*asked, *again} == set(ROLES)
    assert ended.text.count("\n## ") == len(ROLES)
    assert flow.steps == ["verdicts", "decision"]


@pytest.mark.parametrize("step", ["verdicts", "decision"])
async def test_after_a_kill_the_decision_is_kept_once(
    bench: TeamBench, store: SessionStore, memory: MemoryStore, step: str
) -> None:
    flow = make(bench, store, ALL, die_at=step)
    with pytest.raises(Died):
        await flow.run(QUESTION)
    assert (await flow.run(QUESTION)).status is TurnStatus.DONE
    assert sorted(find_asked(flow)) == sorted(ROLES)
    assert len(memory.list_decisions(PLACE, 9)) == 1


async def test_a_decision_that_was_kept_before_a_kill_is_replaced_not_doubled(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    flow = make(bench, store, ALL)
    record = store.record

    def fail(*given: Any, **more: Any) -> None:
        if any("[board: decision]" in entry.text for entry in given[3]):
            raise Died
        record(*given, **more)

    store.record = fail  # type: ignore[method-assign]
    with pytest.raises(Died):
        await flow.run(QUESTION)
    store.record = record  # type: ignore[method-assign]
    (first,) = memory.list_decisions(PLACE, 9)
    assert (await flow.run("go on")).status is TurnStatus.DONE
    (second,) = memory.list_decisions(PLACE, 9)
    assert first.id == second.id


async def test_the_roles_share_what_is_left_of_the_limits(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    text = """
title = "Small"
description = "Two roles."
[limits]
steps = 6
[[steps]]
name = "verdicts"
kind = "verdicts"
roles = ["cfo", "risk"]
prompt = "{request}"
then = "decision"
[[steps]]
name = "decision"
kind = "decision"
of = "verdicts"
role = "ceo"
prompt = "The roles have given their verdicts below"
"""
    reading = section("You are asked as the role cfo.", *[call("list_files", path=".")] * 9, judge())
    flow = make(bench, store, reading + answer("risk", judge()) + CEO)
    flow.team = replace(
        flow.team,
        workflows=Workflows({"board": Workflow("board", parse_workflow("board", text))}),
        limits=TurnLimits(steps=100),
    )
    ended = await flow.run(QUESTION)
    assert ended.status is TurnStatus.DONE, ended.text
    assert find_asked(flow).count("cfo") == 3
    assert "| cfo | no verdict | | |" in ended.text
    assert "after 3 steps, its limit" in ended.text
    assert ended.steps == 5


async def test_secrets_are_hidden_before_anything_is_kept(
    bench: TeamBench, store: SessionStore, memory: MemoryStore
) -> None:
    key = "AKIAIOSFODNN7EXAMPLQ"
    script = answer("cfo", judge(reasoning=f"The key {key} is in settings.py.")) + ALL
    flow = make(bench, store, script)
    ended = await flow.run(f"Is the key {key} safe?")
    (kept,) = memory.list_decisions(PLACE, 9)
    stored = "".join(one.text + one.details for one in flow.entries)
    assert key not in kept.question + kept.details + stored + ended.text
    assert load_board(kept.details) is not None


async def test_without_a_memory_the_decision_stays_in_the_session(bench: TeamBench, store: SessionStore) -> None:
    flow = make(bench, store, ALL)
    assert (await flow.run(QUESTION)).status is TurnStatus.DONE
    assert "It is kept with the session alone." in flow.entries[-2].text + flow.entries[-1].text


async def test_options_are_counted_by_the_choice(bench: TeamBench, store: SessionStore, memory: MemoryStore) -> None:
    choosing = "".join(answer(one, judge("choose", choice="SQLite")) for one in ("cfo", "risk"))
    ruling = json.dumps({"decision": "choose", "choice": "SQLite", "reasoning": "Cheaper."})
    ceo = section("The roles have given their verdicts below", ruling)
    ended = await make(bench, store, choosing + ceo + ALL).run("SQLite or PostgreSQL?")
    assert "2 choose: SQLite (cfo, risk)" in ended.text
    assert memory.list_decisions(PLACE, 9)[0].verdict == "choose: SQLite"
