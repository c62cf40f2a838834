"""Owners of leases whose process has ended hold nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.sessions import SessionUnavailable
from server.state.lease_owners import describe_owner, has_ended, name_owner
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from server.state.database import State


def name_ended_owner() -> str:
    """Return an owner of a process that has ended."""
    program = "from server.state.lease_owners import name_owner; print(name_owner('vim 9'))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_owner_of_a_running_process_has_not_ended() -> None:
    owner = name_owner("an editor with words")
    assert owner.startswith("an editor with words ")
    assert not has_ended(owner)
    assert owner != name_owner("an editor with words")


def test_another_process_with_the_same_id_is_not_the_owner() -> None:
    head, _, tail = name_owner("vim").rpartition(" ")
    assert has_ended(f"{head} 1-{tail.rpartition('-')[2]}")


@pytest.mark.parametrize("owner", ["", "vim 9", "vim elsewhere:1 1-00000000"])
def test_nothing_is_known_about_other_names_and_machines(owner: str) -> None:
    assert not has_ended(owner)


def test_a_session_of_an_ended_process_is_free_at_once(state: State) -> None:
    store = SessionStore(state)
    session = store.create("file:///shop", title="Talk").id
    dead = name_ended_owner()
    store.acquire(session, dead)
    found = store.get(session)
    assert found is not None
    assert found.owner == ""
    assert store.acquire(session, "emacs").owner == "emacs"
    with pytest.raises(SessionUnavailable, match="open in emacs"):
        store.acquire(session, "zed")
    assert store.get(session) is not None
    store.release(session, "emacs")
    store.acquire(session, dead)
    assert store.delete(session)


def test_an_owner_is_described_without_what_makes_it_unique() -> None:
    assert describe_owner("vim 9 host:12 6b0d3fb1-c752ea3e") == "vim 9 on host, process 12"
    assert describe_owner("vim 9") == "vim 9"
