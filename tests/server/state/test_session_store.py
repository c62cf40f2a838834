"""The contract of `agents.ports.sessions.Sessions`, on the state database."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.sessions import LONGEST_TEXT, LONGEST_TITLE, Entry, EntryKind, SessionState, SessionUnavailable
from server.state import session_store
from server.state.lease_owners import name_owner
from server.state.session_store import SessionStore
from tests.server.state import processes

if TYPE_CHECKING:
    from agents.ports.sessions import Sessions
    from server.state.database import State

WORKSPACE = "file:///shop"
HELLO = Entry(EntryKind.PERSON, "vim", "Why does it fail?")
ANSWER = Entry(EntryKind.AGENT, "debug", "The key is missing.", '{"tokens": 12}')


@pytest.fixture
def sessions(state: State) -> Sessions:
    return SessionStore(state)


def test_a_session_is_what_was_recorded(sessions: Sessions, other: State) -> None:
    created = sessions.create(WORKSPACE, title="A KeyError", role="debug")
    assert (created.state, created.owner, created.entries) == (SessionState.IDLE, "", 0)
    sessions.acquire(created.id, "vim 7")
    sessions.record(created.id, "vim 7", SessionState.PROCESSING, [HELLO])
    sessions.record(created.id, "vim 7", SessionState.IDLE, [ANSWER, HELLO])
    elsewhere = SessionStore(other)
    found = elsewhere.get(created.id)
    assert found is not None
    assert (found.title, found.role, found.state, found.entries) == ("A KeyError", "debug", SessionState.IDLE, 3)
    entries = elsewhere.read(created.id)
    assert [(one.kind, one.by, one.text, one.details, one.number) for one in entries] == [
        ("person", "vim", "Why does it fail?", "", 1),
        ("agent", "debug", "The key is missing.", '{"tokens": 12}', 2),
        ("person", "vim", "Why does it fail?", "", 3),
    ]
    assert [one.number for one in elsewhere.read(created.id, after=1, limit=1)] == [2]


def test_sessions_of_a_workspace_are_listed_last_changed_first(sessions: Sessions) -> None:
    first, second = (sessions.create(WORKSPACE, title=title) for title in ("one", "two"))
    sessions.create("file:///elsewhere", title="three")
    assert sessions.set_title(first.id, "uno")
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["uno", "two"]
    assert [one.title for one in sessions.list_newest(WORKSPACE, 1)] == ["uno"]
    assert not sessions.set_title("none", "x")
    assert sessions.delete(second.id)
    assert not sessions.delete(second.id)
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["uno"]


def test_one_client_at_a_time_drives_a_session(sessions: Sessions, other: State) -> None:
    session = sessions.create(WORKSPACE, title="A KeyError").id
    elsewhere = SessionStore(other)
    sessions.acquire(session, "vim 7")
    assert sessions.acquire(session, "vim 7").owner == "vim 7"
    for attempt in (
        lambda: elsewhere.acquire(session, "zed 8"),
        lambda: elsewhere.record(session, "zed 8", SessionState.IDLE, [HELLO]),
        lambda: elsewhere.delete(session),
    ):
        with pytest.raises(SessionUnavailable, match="'A KeyError' is open in vim 7; close it there"):
            attempt()
    elsewhere.release(session, "zed 8")
    sessions.release(session, "vim 7")
    assert elsewhere.acquire(session, "zed 8").owner == "zed 8"
    assert elsewhere.read(session) == ()


def test_a_session_can_be_leased_when_it_is_made_and_given_back_with_its_last_entries(
    sessions: Sessions, other: State
) -> None:
    session = sessions.create(WORKSPACE, title="x", owner="vim 7").id
    elsewhere = SessionStore(other)
    with pytest.raises(SessionUnavailable, match="is open in vim 7"):
        elsewhere.acquire(session, "zed 8")
    assert sessions.acquire(session, "vim 7").owner == "vim 7"
    given_back = sessions.record(session, "vim 7", SessionState.IDLE, [HELLO], releases=True)
    assert (given_back.owner, given_back.entries) == ("", 1)
    assert elsewhere.acquire(session, "zed 8").owner == "zed 8"
    sessions.release(session, "vim 7")
    assert elsewhere.record(session, "zed 8", SessionState.IDLE).owner == "zed 8"


def test_a_lease_that_is_no_longer_fresh_is_renewed(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sessions.create(WORKSPACE, title="x", owner="vim 7").id
    now = time.time()
    monkeypatch.setattr(session_store.time, "time", lambda: now)
    now += session_store.FRESH_S + 1
    sessions.acquire(session, "vim 7")
    now += session_store.LEASE_S - 1
    found = sessions.get(session)
    assert found is not None
    assert found.owner == "vim 7"


def test_the_lease_of_a_dead_client_expires_and_its_state_stays(
    sessions: Sessions, other: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.create(WORKSPACE, title="x").id
    sessions.acquire(session, "vim 7")
    with monkeypatch.context() as shorter:
        shorter.setattr(session_store, "LEASE_S", -1.0)
        sessions.record(session, "vim 7", SessionState.EXECUTING, [HELLO])
    taken = SessionStore(other).acquire(session, "zed 8")
    assert (taken.state, taken.owner) == (SessionState.EXECUTING, "zed 8")
    with pytest.raises(SessionUnavailable):
        sessions.record(session, "vim 7", SessionState.IDLE)


def test_an_unknown_session_is_said(sessions: Sessions) -> None:
    assert (sessions.get("none"), sessions.read("none")) == (None, ())
    with pytest.raises(SessionUnavailable, match="There is no session 'none'"):
        sessions.acquire("none", "vim 7")


def test_texts_are_kept_as_they_are_and_bounded(sessions: Sessions) -> None:
    session = sessions.create(WORKSPACE, title="half \ud83d, nothing \0").id
    sessions.acquire(session, "vim 7")
    odd = "𝄞 'quoted' \r\n%s ? {serial} "
    sessions.record(session, "vim 7", SessionState.IDLE, [Entry(EntryKind.RESULT, "read_file", odd * 1000)])
    assert sessions.read(session)[0].text == odd * 1000
    assert sessions.list_newest(WORKSPACE, 1)[0].title == "half \\ud83d, nothing \\x00"
    with pytest.raises(ValueError, match="1,000,000"):
        sessions.record(session, "vim 7", SessionState.IDLE, [Entry(EntryKind.NOTE, "", "x" * (LONGEST_TEXT + 1))])
    assert len(sessions.read(session)) == 1


def test_a_full_session_takes_no_entry_and_keeps_those_it_has(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "MOST_ENTRIES", 2)
    session = sessions.create(WORKSPACE, title="long").id
    sessions.acquire(session, "vim 7")
    entry = Entry(EntryKind.PERSON, "vim 7", "text")
    sessions.record(session, "vim 7", SessionState.IDLE, [entry, entry])
    with pytest.raises(SessionUnavailable, match="start another session"):
        sessions.record(session, "vim 7", SessionState.PROCESSING, [entry])
    assert len(sessions.read(session)) == 2
    assert sessions.record(session, "vim 7", SessionState.ERROR).entries == 2
    for change in (
        lambda title: sessions.set_title(session, title),
        lambda title: sessions.create(WORKSPACE, title=title),
    ):
        with pytest.raises(ValueError, match="1,000"):
            change("x" * (LONGEST_TITLE + 1))


def test_the_longest_unchanged_go_and_never_one_that_is_driven(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "MOST_SESSIONS", 3)
    driven = sessions.create(WORKSPACE, title="driven").id
    sessions.acquire(driven, "vim 7")
    for number in range(4):
        sessions.create(WORKSPACE, title=str(number))
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["3", "2", "1", "driven"]
    for bound in ("KEPT_S", "EMPTY_KEPT_S"):
        monkeypatch.setattr(session_store, bound, -1.0)
    sessions.create(WORKSPACE, title="4")
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["driven"]


def test_an_empty_session_that_nobody_drives_goes_after_a_day(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, driven = (sessions.create(WORKSPACE, title=title).id for title in ("used", "driven"))
    sessions.create(WORKSPACE, title="left by a killed client")
    for session, entries in ((used, [Entry(EntryKind.PERSON, "vim 7", "hello")]), (driven, [])):
        sessions.acquire(session, "vim 7")
        sessions.record(session, "vim 7", SessionState.IDLE, entries)
    sessions.release(used, "vim 7")
    assert session_store.EMPTY_KEPT_S == 24 * 3600
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 24 * 3600 + 1)
    sessions.acquire(driven, "vim 7")
    sessions.create(WORKSPACE, title="new")
    assert {one.title for one in sessions.list_newest(WORKSPACE, 9)} == {"used", "driven", "new"}


def test_a_session_that_is_open_elsewhere_is_deleted_only_by_force(sessions: Sessions) -> None:
    session = sessions.create(WORKSPACE, title="Look").id
    owner = name_owner("zed")
    sessions.mark_open(session, owner)
    sessions.acquire(session, "vim 7")  # another client may still drive it
    sessions.release(session, "vim 7")
    with pytest.raises(
        SessionUnavailable, match=r"'Look' is open in zed on \S+, process \d+, where nothing is going on"
    ):
        sessions.delete(session)
    assert sessions.get(session) is not None
    assert sessions.delete(session, force=True)
    assert sessions.get(session) is None


def test_a_session_that_was_closed_or_whose_client_has_ended_is_deleted(sessions: Sessions) -> None:
    closed, left = (sessions.create(WORKSPACE, title=title).id for title in ("closed", "left"))
    owner = name_owner("zed")
    sessions.mark_open(closed, owner)
    sessions.mark_closed(closed, owner)
    assert sessions.delete(closed)
    sessions.mark_open(left, f"zed {platform.node()}:{os.getpid()} 1-00000000")  # an earlier process with this id
    assert sessions.delete(left)


def test_force_does_not_delete_a_session_that_a_client_drives(sessions: Sessions) -> None:
    session = sessions.create(WORKSPACE, title="Look").id
    sessions.acquire(session, "vim 7")
    with pytest.raises(SessionUnavailable):
        sessions.delete(session, force=True)


def test_an_open_session_is_not_evicted(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    session = sessions.create(WORKSPACE, title="open").id
    sessions.mark_open(session, name_owner("zed"))
    monkeypatch.setattr(session_store, "EMPTY_KEPT_S", -1.0)
    sessions.create(WORKSPACE, title="new")
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["open"]


def test_entries_of_two_processes_are_all_kept_in_order(sessions: Sessions, state: State) -> None:
    code = """
import sys, time
from pathlib import Path
from agents.ports.sessions import Entry, EntryKind, SessionState, SessionUnavailable
from tests.states import make_state
from server.state.session_store import SessionStore
sessions, owner = SessionStore(make_state(sys.argv[1])), sys.argv[3]
written = 0
while written < 20:
    try:
        sessions.acquire(sys.argv[2], owner)
        sessions.record(sys.argv[2], owner, SessionState.IDLE, [Entry(EntryKind.NOTE, owner, str(written))])
        sessions.release(sys.argv[2], owner)
        written += 1
    except SessionUnavailable:
        time.sleep(0.001)
"""
    session = sessions.create(WORKSPACE, title="x").id
    processes.wait_for([processes.start(code, state.path, session, owner) for owner in "ab"])
    entries = sessions.read(session)
    assert [one.number for one in entries] == list(range(1, 41))
    for owner in "ab":
        assert [one.text for one in entries if one.by == owner] == [str(number) for number in range(20)]


def test_a_process_that_is_killed_while_it_records_leaves_nothing_half(sessions: Sessions, state: State) -> None:
    code = """
import sys, time
from pathlib import Path
from agents.ports.sessions import SessionState
from tests.states import make_state
from server.state.session_store import SessionStore
state = make_state(sys.argv[1])
with state.transaction() as connection:
    connection.execute("UPDATE sessions SET entries = 9, state = 'executing' WHERE id = ?", (sys.argv[2],))
    print("inside", flush=True)
    time.sleep(60)
"""
    session = sessions.create(WORKSPACE, title="x").id
    processes.kill_inside(code, state.path, session)
    found = sessions.get(session)
    assert found is not None
    assert (found.entries, found.state) == (0, SessionState.IDLE)
    sessions.acquire(session, "vim 7")
    assert sessions.record(session, "vim 7", SessionState.IDLE, [HELLO]).entries == 1


@pytest.mark.sqlite
def test_a_full_disk_leaves_the_session_as_it_was(sessions: Sessions, state: State) -> None:
    session = sessions.create(WORKSPACE, title="x").id
    sessions.acquire(session, "vim 7")
    with state.use_connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="The disk is full"):
        sessions.record(session, "vim 7", SessionState.ERROR, [Entry(EntryKind.NOTE, "", "x" * 500_000)])
    found = sessions.get(session)
    assert found is not None
    assert (found.state, found.entries, sessions.read(session)) == (SessionState.IDLE, 0, ())


@pytest.mark.sqlite
def test_of_a_damaged_database_the_next_call_starts_a_new_one(sessions: Sessions, state: State) -> None:
    sessions.create(WORKSPACE, title="x")
    assert state.path is not None
    state.path.write_bytes(b"no database at all" * 1000)
    assert sessions.list_newest(WORKSPACE, 9) == ()
    sessions.create(WORKSPACE, title="y")
    assert [one.title for one in sessions.list_newest(WORKSPACE, 9)] == ["y"]
