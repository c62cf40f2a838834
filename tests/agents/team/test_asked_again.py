"""Questions asked again in a session: its lease is held, and its agent is told the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.sessions import EntryKind, SessionState, SessionUnavailable
from agents.team.asked_again import ask_in_session, compose_request
from agents.team.transcript import read_messages
from server.state.session_store import SessionStore
from tests.agents.team.bench import FakeOutcome
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SessionStore]:
    """Yield a store of sessions in a database of its own."""
    state = make_state(tmp_path / "state.sqlite3")
    yield SessionStore(state)
    state.close()


async def test_the_agent_is_told_and_nobody_drives_the_session_meanwhile(store: SessionStore) -> None:
    session = store.create("file:///w", title="Look").id

    async def ask() -> FakeOutcome:
        held = store.get(session)
        assert held is not None
        assert (held.owner, held.state) == ("me", SessionState.WAITING)
        with pytest.raises(SessionUnavailable):
            store.acquire(session, "another")
        return FakeOutcome(applied=False, reason="The person said no.")

    outcome = await ask_in_session(store, session, "me", "Edit a.py", ask)
    assert not outcome.applied
    (entry,) = store.read(session)
    assert (entry.kind, entry.by) == (EntryKind.NOTE, "starling")
    (message,) = read_messages([entry])
    assert message.text.endswith("the person was asked, and it was not made. The person said no.]")
    found = store.get(session)
    assert found is not None
    assert (found.owner, found.state) == ("", SessionState.IDLE)


async def test_a_session_that_another_client_drives_is_left_alone(store: SessionStore) -> None:
    session = store.create("file:///w", title="Look").id
    store.acquire(session, "another")

    async def ask() -> FakeOutcome:
        raise AssertionError("nobody is asked")

    with pytest.raises(SessionUnavailable):
        await ask_in_session(store, session, "me", "Edit a.py", ask)


async def test_a_question_that_fails_leaves_the_session_free(store: SessionStore) -> None:
    session = store.create("file:///w", title="Look").id

    async def ask() -> FakeOutcome:
        raise RuntimeError("the editor is gone")

    with pytest.raises(RuntimeError):
        await ask_in_session(store, session, "me", "Edit a.py", ask)
    found = store.get(session)
    assert found is not None
    assert (found.owner, found.state) == ("", SessionState.ERROR)


async def test_the_edit_of_a_deleted_session_is_only_asked(store: SessionStore) -> None:
    async def ask() -> FakeOutcome:
        return FakeOutcome()

    assert (await ask_in_session(store, "gone", "me", "Edit a.py", ask)).applied


def test_a_request_names_the_agent_and_the_command_in_one_line() -> None:
    assert compose_request("debug", "make\nall").startswith("@debug The question about `make all` was not answered")
