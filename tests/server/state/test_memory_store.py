"""The contract of `agents.ports.memory.Memory`, on the state database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.memory import LONGEST_TEXT, Activity, Decision, Remembered, Source
from server.state import memory_store
from server.state.memory_store import MemoryStore
from tests.server.state import processes

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.memory import Memory
    from server.state.database import State

WORKSPACE = "file:///shop"
STYLE = Remembered(WORKSPACE, "coder", "style", "Use dataclasses.", Source.PERSON)
KEY = "sk-proj-Zq8vR2mT5xWc7bYn4KdL9pFh3JgA6sEu"


@pytest.fixture
def memory(state: State) -> Memory:
    return MemoryStore(state)


def test_what_is_remembered_is_recalled_with_its_origin(memory: Memory, other: State) -> None:
    memory.remember(replace(STYLE, source=Source.FILE, origin="README.md"))
    (found,) = MemoryStore(other).recall(WORKSPACE, "coder", 9)
    assert (found.text, found.source, found.origin) == ("Use dataclasses.", Source.FILE, "README.md")
    assert found.created == found.changed > 0


def test_a_later_memory_of_the_same_key_replaces_the_earlier(memory: Memory) -> None:
    memory.remember(STYLE)
    (first,) = memory.recall(WORKSPACE, "coder", 9)
    memory.remember(replace(STYLE, text="Use pydantic."))
    (second,) = memory.recall(WORKSPACE, "coder", 9)
    assert (second.text, second.source, second.created) == ("Use pydantic.", Source.PERSON, first.created)
    assert second.changed > first.changed


def test_an_agent_does_not_replace_what_a_person_wrote(memory: Memory) -> None:
    memory.remember(STYLE)
    with pytest.raises(ValueError, match="choose another"):
        memory.remember(replace(STYLE, text="Use pydantic.", source=Source.AGENT))
    assert memory.recall(WORKSPACE, "coder", 9)[0].text == STYLE.text


def test_an_agent_recalls_its_own_and_what_holds_for_all(memory: Memory) -> None:
    for workspace in (WORKSPACE, "", "file:///elsewhere"):
        for agent in ("coder", "", "tester"):
            memory.remember(Remembered(workspace, agent, "key", f"{workspace} {agent}", Source.AGENT))
    recalled = {(one.workspace, one.agent) for one in memory.recall(WORKSPACE, "coder", 9)}
    assert recalled == {(WORKSPACE, "coder"), (WORKSPACE, ""), ("", "coder"), ("", "")}
    assert [one.text for one in memory.recall(WORKSPACE, "coder", 1)] == [" "]  # the last changed of these


def test_a_memory_is_forgotten(memory: Memory) -> None:
    memory.remember(STYLE)
    assert memory.forget(WORKSPACE, "coder", "style")
    assert not memory.forget(WORKSPACE, "coder", "style")
    assert memory.recall(WORKSPACE, "coder", 9) == ()


def test_activities_and_decisions_are_listed_newest_first(memory: Memory) -> None:
    for number in range(3):
        memory.record_activity(Activity(WORKSPACE, "coder" if number else "tester", f"did {number}", '{"n": 1}'))
        memory.record_decision(Decision(WORKSPACE, "ceo", "board", f"Ship {number}?", "yes", '{"scores": [9]}'))
    memory.record_activity(Activity("file:///elsewhere", "coder", "did 9"))
    assert [one.activity for one in memory.list_activities(WORKSPACE, 2)] == ["did 2", "did 1"]
    assert [one.activity for one in memory.list_activities(WORKSPACE, 9, agent="tester")] == ["did 0"]
    decisions = memory.list_decisions(WORKSPACE, 2)
    assert [(one.question, one.verdict, one.details) for one in decisions] == [
        ("Ship 2?", "yes", '{"scores": [9]}'),
        ("Ship 1?", "yes", '{"scores": [9]}'),
    ]
    assert decisions[0].at >= decisions[1].at > 0


def test_all_of_a_workspace_is_cleared_and_nothing_else(memory: Memory) -> None:
    for workspace in (WORKSPACE, "", "file:///elsewhere"):
        memory.remember(replace(STYLE, workspace=workspace))
        memory.record_activity(Activity(workspace, "coder", "did it"))
        memory.record_decision(Decision(workspace, "ceo", "board", "Ship?", "yes"))
    assert memory.clear(WORKSPACE) == 3
    assert [one.workspace for one in memory.recall(WORKSPACE, "coder", 9)] == [""]
    assert (memory.list_activities(WORKSPACE, 9), memory.list_decisions(WORKSPACE, 9)) == ((), ())
    assert len(memory.list_decisions("file:///elsewhere", 9)) == 1


@pytest.mark.sqlite
def test_no_secret_reaches_the_disk(memory: Memory, state: State) -> None:
    memory.remember(replace(STYLE, key=f"token {KEY}", text=f'api_key = "{KEY}"', origin=f"curl -H 'X: {KEY}'"))
    memory.record_activity(Activity(WORKSPACE, "coder", f"used {KEY}", f'{{"key": "{KEY}"}}'))
    memory.record_decision(Decision(WORKSPACE, "ceo", "board", f"Is {KEY} safe?", f"no: {KEY}", f'{{"key": "{KEY}"}}'))
    assert memory.recall(WORKSPACE, "coder", 9)[0].text == 'api_key = "(secret)"'
    assert memory.forget(WORKSPACE, "coder", f"token {KEY}")
    state.close()
    assert state.path is not None
    assert KEY.encode() not in state.path.read_bytes()


def test_texts_are_bounded(memory: Memory) -> None:
    long = "x" * (LONGEST_TEXT + 1)
    for attempt in (
        lambda: memory.remember(replace(STYLE, text=long)),
        lambda: memory.record_activity(Activity(WORKSPACE, "coder", "did it", long)),
        lambda: memory.record_decision(Decision(WORKSPACE, "ceo", "board", long, "yes")),
    ):
        with pytest.raises(ValueError, match="100,000"):
            attempt()


def test_the_oldest_go(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "MOST_MEMORIES", 2)
    monkeypatch.setattr(memory_store, "MOST_ACTIVITIES", 2)
    memory.remember(replace(STYLE, workspace=""))
    for number in range(4):
        memory.remember(replace(STYLE, key=str(number)))
        memory.record_activity(Activity(WORKSPACE, "coder", str(number)))
    assert [one.key for one in memory.recall(WORKSPACE, "coder", 9)] == ["3", "2", "style"]
    assert [one.activity for one in memory.list_activities(WORKSPACE, 9)] == ["3", "2"]
    monkeypatch.setattr(memory_store, "MOST_DECISIONS", 2)
    for number in range(4):
        memory.record_decision(Decision(WORKSPACE, "ceo", "board", f"{number}?", "yes"))
    assert [one.question for one in memory.list_decisions(WORKSPACE, 9)] == ["3?", "2?"]
    for bound in ("ACTIVITIES_KEPT_S", "DECISIONS_KEPT_S"):
        monkeypatch.setattr(memory_store, bound, -1.0)
    memory.record_activity(Activity(WORKSPACE, "coder", "4"))
    memory.record_decision(Decision(WORKSPACE, "ceo", "board", "a?", "yes"))
    memory.record_decision(Decision(WORKSPACE, "ceo", "board", "b?", "yes"))
    assert memory.list_activities(WORKSPACE, 9) == ()
    assert [one.question for one in memory.list_decisions(WORKSPACE, 9)] == ["b?"]


def test_no_agent_crowds_out_what_a_person_wrote(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_store, "MOST_MEMORIES", 2)
    memory.remember(replace(STYLE, key="own", source=Source.PERSON))
    for number in range(4):
        memory.remember(replace(STYLE, key=str(number), source=Source.AGENT))
    assert [one.key for one in memory.recall(WORKSPACE, "coder", 9)] == ["3", "own"]


def test_two_processes_remember_side_by_side(memory: Memory, state: State) -> None:
    code = """
import sys
from pathlib import Path
from agents.ports.memory import Activity, Remembered, Source
from tests.states import make_state
from server.state.memory_store import MemoryStore
memory = MemoryStore(make_state(sys.argv[1]))
for number in range(20):
    memory.remember(Remembered("w", "a", str(number), sys.argv[2], Source.AGENT))
    memory.record_activity(Activity("w", sys.argv[2], str(number)))
"""
    processes.wait_for([processes.start(code, state.path, name) for name in "xy"])
    assert {one.key for one in memory.recall("w", "a", 99)} == {str(number) for number in range(20)}
    assert len(memory.list_activities("w", 99)) == 40


@pytest.mark.sqlite
def test_a_full_disk_is_said_and_what_was_there_stays(memory: Memory, state: State) -> None:
    memory.remember(STYLE)
    with state.use_connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="The disk is full"):
        memory.remember(replace(STYLE, text="word " * 15_000))
    assert [one.text for one in memory.recall(WORKSPACE, "coder", 9)] == ["Use dataclasses."]


@pytest.mark.sqlite
def test_of_a_damaged_database_the_next_call_starts_a_new_one(memory: Memory, state: State, tmp_path: Path) -> None:
    memory.remember(STYLE)
    assert state.path is not None
    state.path.write_bytes(b"no database at all" * 1000)
    memory.remember(replace(STYLE, key="new"))
    assert [one.key for one in memory.recall(WORKSPACE, "coder", 9)] == ["new"]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_decision_with_the_same_id_takes_the_place_of_the_older_one(memory: MemoryStore) -> None:
    for verdict in ("yes", "no"):
        memory.record_decision(Decision(WORKSPACE, "ceo", "board", "Ship?", verdict, id="d1"))
    memory.record_decision(Decision("file:///elsewhere", "ceo", "board", "Ship?", "yes", id="d1"))
    memory.record_decision(Decision(WORKSPACE, "ceo", "board", "Sell?", "no"))
    found = memory.list_decisions(WORKSPACE, 9)
    assert [(one.question, one.verdict) for one in found] == [("Sell?", "no"), ("Ship?", "no")]
    assert found[1].id == "d1"
    assert len(found[0].id) == 32


def test_a_decision_is_deleted_by_its_id_in_its_workspace_alone(memory: MemoryStore) -> None:
    for workspace in (WORKSPACE, "file:///elsewhere"):
        memory.record_decision(Decision(workspace, "ceo", "board", "Ship?", "yes", id="d1"))
    assert memory.delete_decision(WORKSPACE, "d1")
    assert not memory.delete_decision(WORKSPACE, "d1")
    assert len(memory.list_decisions("file:///elsewhere", 9)) == 1
