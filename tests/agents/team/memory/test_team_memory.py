"""The team's memory, on the real store: what one session keeps is found by the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.memory import LONGEST_TEXT, Remembered, Source
from agents.team.memory.team_memory import TeamMemory
from agents.team.session_notes import SessionNotes
from server.state.memory_store import MemoryStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.agents.team.bench import TeamBench

PLACE = "file:///shop"


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """Yield an empty store."""
    state = make_state(None)
    yield MemoryStore(state)
    state.close()


async def test_a_fact_for_later_is_recalled_in_another_session_with_its_origin(
    bench: TeamBench, store: MemoryStore
) -> None:
    bench.options |= {"memory": TeamMemory(store, PLACE), "session": "0123456789", "notes": SessionNotes()}
    text, _ = await bench.call("remember", key="port", text="The server listens on 8080.", later=True)
    assert text == "Remembered as port, for later sessions, too."
    await bench.call("remember", key="guess", text="The port may be 9090.")
    bench.options["notes"] = SessionNotes()
    text, _ = await bench.call("recall", words="which port")
    assert text.splitlines() == [
        "From earlier sessions; it may be out of date:",
        "- port: The server listens on 8080. [said by assistant]",
    ]
    (kept,) = store.list_memories(PLACE, 9)
    assert (kept.source, kept.origin) == (Source.AGENT, "session 01234567")


async def test_without_a_memory_a_fact_is_kept_for_the_session(bench: TeamBench) -> None:
    bench.options["notes"] = SessionNotes()
    assert "for this session alone" in (await bench.call("remember", key="a", text="b", later=True))[0]
    assert (await bench.call("recall"))[0] == "a: b"


async def test_a_memory_that_cannot_be_used_is_a_sentence_and_ends_nothing(
    bench: TeamBench, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StateError("The disk is full.")

    for name in ("remember", "recall", "record_activity"):
        monkeypatch.setattr(store, name, fail)
    memory = TeamMemory(store, PLACE)
    bench.options |= {"memory": memory, "notes": SessionNotes()}
    text, failed = await bench.call("remember", key="a", text="b", later=True)
    assert (text, failed) == ("It could not be kept for later sessions: The disk is full.", True)
    assert await bench.call("recall") == ("a: b", False)
    await memory.record_activity("coder", "ran the tests")


async def test_memories_of_other_workspaces_and_agents_do_not_come(store: MemoryStore) -> None:
    for workspace, agent, key in ((PLACE, "coder", "own"), ("file:///x", "coder", "other"), (PLACE, "tester", "hers")):
        store.remember(Remembered(workspace, agent, key, "the port is open", Source.AGENT))
    found = await TeamMemory(store, PLACE).find_memories("coder", "port", len)
    assert found == ("- own: the port is open [said by coder]",)
    assert await TeamMemory(store, PLACE).remember("coder", "k", "x" * (LONGEST_TEXT + 1), "") != ""
