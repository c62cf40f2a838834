"""Alerts: the same one is told once, few an hour, and shown by one editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.state.watching import alert_store
from server.state.watching.alert_store import Alert, AlertStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = "file:///shop"


class Clock:
    """A clock that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[AlertStore]:
    """Yield a table in memory."""
    state = make_state(None)
    yield AlertStore(state, clock)
    state.close()


def make(session: str = "s1", kind: str = "limit", text: str = "It reached a limit.", place: str = PLACE) -> Alert:
    """Return an alert."""
    return Alert(place, kind, session, text)


def test_the_same_alert_is_told_once_within_an_hour_and_counted(store: AlertStore, clock: Clock) -> None:
    assert store.add(make(), shown=False)
    for _ in range(3):
        clock.now += 3000
        assert not store.add(make(), shown=False)
    (found,) = store.list_newest(PLACE, 10)
    assert (found.number, found.text) == (4, "It reached a limit.")
    clock.now += alert_store.SAME_S + 1
    assert store.add(make(), shown=False)


def test_another_kind_session_or_workspace_is_another_alert(store: AlertStore) -> None:
    others = (make(), make(kind="circle"), make("s2"), make(place="file:///other"))
    assert [store.add(one, shown=False) for one in others] == [True] * 4


def test_few_are_told_in_an_hour_and_the_rest_is_only_stored(store: AlertStore, clock: Clock) -> None:
    most = alert_store.MOST_AN_HOUR
    assert [store.add(make(f"s{number}"), shown=False) for number in range(most + 5)] == [True] * most + [False] * 5
    assert len(store.take_unshown(PLACE)) == most
    assert len(store.list_newest(PLACE, 100)) == most + 5
    clock.now += alert_store.HOUR_S + 1
    assert store.add(make("later"), shown=False)


def test_an_alert_is_taken_once_by_the_editor_of_its_workspace(store: AlertStore) -> None:
    store.add(make("s1"), shown=False)
    store.add(make("s2"), shown=True)
    store.add(make("s3", place="file:///other"), shown=False)
    assert store.has_unshown(PLACE)
    assert [one.session for one in store.take_unshown(PLACE)] == ["s1"]
    assert not store.has_unshown(PLACE)
    assert store.take_unshown(PLACE) == ()
    assert store.has_unshown("file:///other")


def test_old_alerts_are_not_shown_and_go_after_a_month(store: AlertStore, clock: Clock) -> None:
    store.add(make(), shown=False)
    clock.now += alert_store.FRESH_S + 1
    assert store.take_unshown(PLACE) == ()
    clock.now += alert_store.KEPT_S
    store.add(make("s2"), shown=False)
    assert [one.session for one in store.list_newest(PLACE, 10)] == ["s2"]


def test_the_number_of_alerts_is_bounded(store: AlertStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_store, "MOST_KEPT", 3)
    for number in range(8):
        clock.now += 1
        store.add(make(f"s{number}"), shown=False)
    assert [one.session for one in store.list_newest(PLACE, 10)] == ["s7", "s6", "s5"]


def test_a_secret_in_a_sentence_is_replaced(store: AlertStore) -> None:
    store.add(make(text="It was ghp_Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsAbCd."), shown=False)
    assert store.list_newest(PLACE, 1)[0].text == "It was (secret)."
