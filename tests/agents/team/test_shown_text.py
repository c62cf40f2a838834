"""Text of a model as one visible line, and as inert Markdown while it streams."""

from __future__ import annotations

import pytest

from agents.markdown import make_inert
from agents.team.events import Event, Noted, TextArrived, TurnEnded, TurnStatus
from agents.team.shown_text import InertEvents, escape_to_line


@pytest.mark.parametrize(("text", "plain"), [
    ("Read  a.py\n", "Read a.py"),
    ("Lies área.py, 读取", "Lies área.py, 读取"),
    ("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07"),
    ("a\u202efdp.exe", r"a\u202efdp.exe"),
    ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
    ("a\U000e0041", r"a\U000e0041"),
    ("Delete a.py\r\nApproved", "Delete a.py Approved"),
    ("a\udcffb", r"a\udcffb"),
])  # fmt: skip
def test_what_cannot_be_seen_is_written_as_its_number(text: str, plain: str) -> None:
    assert escape_to_line(text) == plain


def test_streamed_text_is_inert_and_complete_before_the_next_event() -> None:
    events: list[Event] = []
    shown = InertEvents(events.append)
    text = "See ![x](https://evil.example/?q=1) and [this](command:run).\n"
    for piece in (text[:9], text[9:20], text[20:].rstrip()):
        shown.emit(TextArrived("ask", piece))
    shown.emit(Noted("A note."))
    shown.emit(TextArrived("ask", "Then <b>"))
    shown.emit(TurnEnded(TurnStatus.DONE, text))
    texts = ["".join(one.text for one in group if isinstance(one, TextArrived)) for group in split_at_notes(events)]
    assert texts == [make_inert(text.rstrip()), "Then &lt;b>"]
    assert "`![x](https://evil.example/?q=1)`" in texts[0], "code is shown, not fetched"
    assert not any(isinstance(one, TurnEnded) for one in events)


def split_at_notes(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """Return the events before and after the first note."""
    at = next(number for number, one in enumerate(events) if isinstance(one, Noted))
    return events[:at], events[at + 1 :]
