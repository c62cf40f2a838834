"""The tokens that an edit has changed: large edits are compared only if that is fast."""

from __future__ import annotations

from agents.next_edit.changed_tokens import PAIRS, list_changes
from agents.next_edit.history import EditHistory


def list_changed(before: str, after: str) -> list[tuple[str, str]]:
    """Return the old and the new text of each change between two texts."""
    history = EditHistory()
    history.note_change("a", before, after)
    (edit,) = history.list_recent(10.0)
    return [(one.old_text, one.new_text) for one in list_changes(edit, after)]


def test_the_changed_tokens_of_a_line_are_found() -> None:
    assert list_changed("f(a, b)\n", "f(a, c)\n") == [(" b", " c")]


def test_an_edit_of_hundreds_of_equal_tokens_is_not_compared() -> None:
    assert PAIRS < 190 * 380
    assert list_changed("a " * 380, "a b " * 190) == []
