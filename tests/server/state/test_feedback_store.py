"""The contract of `agents.ports.feedback.FeedbackRecords`, on the state database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.feedback import LONGEST_COMMENT, FeedbackRecords, Thumb
from agents.ports.sessions import Entry, EntryKind, SessionState
from server.state.feedback_store import FeedbackStore
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from server.state.database import State


@pytest.fixture
def feedback(state: State) -> FeedbackRecords:
    """Return the feedback of a database without any."""
    return FeedbackStore(state)


@pytest.fixture
def session(state: State) -> str:
    """Return the id of a session with two entries."""
    store = SessionStore(state)
    session = store.create("file:///shop", title="Talk").id
    store.acquire(session, "a test")
    store.record(session, "a test", SessionState.IDLE, [Entry(EntryKind.PERSON, "p", "x")] * 2)
    store.release(session, "a test")
    return session


def test_feedback_is_read_back_by_another_process(feedback: FeedbackRecords, session: str, other: State) -> None:
    assert feedback.give(session, 2, Thumb.UP)
    assert feedback.give(session, 1, Thumb.DOWN, "Wrong file.")
    found = FeedbackStore(other).list_feedback(session)
    assert [(one.number, one.thumb, one.comment) for one in found] == [
        (1, Thumb.DOWN, "Wrong file."), (2, Thumb.UP, ""),
    ]  # fmt: skip
    assert all(one.at > 0 for one in found)


def test_later_feedback_replaces_earlier(feedback: FeedbackRecords, session: str) -> None:
    feedback.give(session, 1, Thumb.DOWN, "No.")
    feedback.give(session, 1, Thumb.UP)
    (found,) = feedback.list_feedback(session)
    assert (found.thumb, found.comment) == (Thumb.UP, "")


def test_feedback_on_an_entry_that_does_not_exist_is_not_stored(feedback: FeedbackRecords, session: str) -> None:
    assert not feedback.give(session, 3, Thumb.UP)
    assert not feedback.give("nobody", 1, Thumb.UP)
    assert feedback.list_feedback(session) == ()


def test_feedback_is_withdrawn_once(feedback: FeedbackRecords, session: str) -> None:
    feedback.give(session, 1, Thumb.UP)
    assert feedback.withdraw(session, 1)
    assert not feedback.withdraw(session, 1)
    assert feedback.list_feedback(session) == ()


def test_feedback_is_deleted_with_its_session(feedback: FeedbackRecords, session: str, state: State) -> None:
    feedback.give(session, 1, Thumb.UP)
    SessionStore(state).delete(session)
    assert feedback.list_feedback(session) == ()


def test_a_comment_that_is_too_long_is_refused(feedback: FeedbackRecords, session: str) -> None:
    with pytest.raises(ValueError, match="comment"):
        feedback.give(session, 1, Thumb.UP, "x" * (LONGEST_COMMENT + 1))
