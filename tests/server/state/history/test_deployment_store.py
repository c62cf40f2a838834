"""The table of deployments: one runs at a time, ended processes are noticed, texts hold no secret; it is bounded."""

from __future__ import annotations

import platform
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.deployments import Action, DeploymentRecord, DeploymentState
from server.state.history import deployment_store
from server.state.history.deployment_store import DeploymentStore
from server.state.lease_owners import name_owner

if TYPE_CHECKING:
    import pytest

    from server.state.database import State

ENDED = f"starling {platform.node()}:1 1-00000000"  # no process 1 began in 1970


def make_record(identity: str = "a", **changes: object) -> DeploymentRecord:
    """Return a record that runs."""
    record = DeploymentRecord(
        identity, "/w", "prod", Action.DEPLOY, "1" * 40, "", DeploymentState.RUNNING, time.time(), 0.0,
        name_owner("a test"), "",
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def test_one_deployment_of_a_target_runs_and_others_beside_it(state: State, other: State) -> None:
    assert DeploymentStore(state).begin(make_record())
    assert not DeploymentStore(other).begin(make_record("b"))
    assert DeploymentStore(other).begin(make_record("c", target="test"))
    assert DeploymentStore(other).begin(make_record("d", workspace="/v"))
    DeploymentStore(state).end("a", DeploymentState.DONE, "ok")
    assert DeploymentStore(other).begin(make_record("e"))


def test_one_whose_process_has_ended_is_unfinished_and_keeps_no_other_from_running(state: State) -> None:
    store = DeploymentStore(state)
    store.begin(make_record(owner=ENDED))
    assert store.begin(make_record("b", begun=time.time() + 1))
    newest, oldest = store.list_newest("/w", "", 10)
    assert (newest.state, oldest.state) == ("running", "unfinished")
    assert oldest.text == deployment_store.ENDED


def test_the_end_and_what_it_took_back_are_recorded(state: State) -> None:
    store = DeploymentStore(state)
    store.begin(make_record(begun=1e10))
    store.note_previous("a", "releases/x")
    store.end("a", DeploymentState.DONE, "ok")
    store.begin(make_record("b", action=Action.ROLL_BACK, begun=2e10))
    store.end("b", DeploymentState.DONE, "back", rolled_back="a")
    newest, oldest = store.list_newest("/w", "prod", 10)
    assert (newest.action, newest.state, newest.text) == ("roll_back", "done", "back")
    assert (oldest.state, oldest.previous) == ("rolled back", "releases/x")
    assert oldest.ended > 0


def test_what_looks_like_a_secret_is_not_stored_and_long_texts_are_cut(state: State) -> None:
    store = DeploymentStore(state)
    store.begin(make_record())
    store.end("a", DeploymentState.FAILED, f"{'x' * 100_000}\npassword = 'hunter2-Hunter2!'\nend")
    text = store.list_newest("/w", "", 1)[0].text
    assert text.endswith("end")
    assert "hunter2" not in text
    assert len(text) == deployment_store.LONGEST_TEXT


def test_the_oldest_records_go_and_none_that_runs(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment_store, "MOST", 3)
    store = DeploymentStore(state)
    store.begin(make_record("old", target="slow", begun=time.time() - 100))
    store.begin(make_record("ancient", workspace="/v", begun=1.0))
    store.end("ancient", DeploymentState.DONE, "")
    for number in range(5):
        store.begin(make_record(f"n{number}", begun=time.time() + number))
        store.end(f"n{number}", DeploymentState.DONE, "")
    assert [one.id for one in store.list_newest("/w", "", 10)] == ["n4", "n3", "n2", "old"]
    assert store.list_newest("/v", "", 10) == ()
