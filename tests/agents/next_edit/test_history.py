"""The history of a person's edits."""

from __future__ import annotations

import itertools
import random

from agents.next_edit.history import EDITS, TOTAL, EditHistory, LineChange, PastEdit


def note_all(history: EditHistory, *texts: str) -> None:
    for before, after in itertools.pairwise(texts):
        history.note_change("a", before, after)


def show(edit: PastEdit, text: str) -> tuple[str, str]:
    return edit.before[edit.old_start : edit.old_end], text[edit.start : edit.end]


def test_adjacent_keys_are_one_edit() -> None:
    history = EditHistory()
    note_all(history, "x = 1", "a = 1", "ab = 1", "abc = 1")
    (edit,) = history.list_recent(60)
    assert show(edit, "abc = 1") == ("x", "abc")


def test_two_changes_in_a_line_are_one_edit_and_in_two_lines_are_two() -> None:
    history = EditHistory()
    note_all(history, "f(x, x)\ny\n", "f(a, x)\ny\n", "f(a, a)\ny\n", "f(a, a)\nb\n")
    newest, older = history.list_recent(60)
    assert show(newest, "f(a, a)\nb\n") == ("y", "b")
    assert show(older, "f(a, a)\nb\n") == ("x, x", "a, a")


def test_an_edit_moves_with_the_text_above_it() -> None:
    history = EditHistory()
    note_all(history, "one\ntwo\nthree", "one\ntwo\nTHREE", "zero\none\ntwo\nTHREE")
    _, older = history.list_recent(60)
    assert show(older, "zero\none\ntwo\nTHREE") == ("three", "THREE")


def test_an_undone_edit_is_forgotten_and_listed_as_undone() -> None:
    history = EditHistory()
    note_all(history, "one\ntwo\n", "one\nsix\n", "one\ntwo\n")
    assert history.list_recent(60) == ()
    assert history.list_undone() == {LineChange("a", "two", "six")}


def test_an_older_edit_that_is_undone_is_forgotten_too() -> None:
    history = EditHistory()
    note_all(history, "one\ntwo\nthree\n", "one\nsix\nthree\n", "one\nsix\nfour\n", "one\ntwo\nfour\n")
    (edit,) = history.list_recent(60)
    assert show(edit, "one\ntwo\nfour\n") == ("three", "four")


def test_a_change_over_several_edits_is_a_new_edit() -> None:
    history = EditHistory()
    note_all(history, "a\nb\nc\nd\n", "A\nb\nc\nd\n", "A\nb\nC\nd\n", "new\nd\n")
    (edit,) = history.list_recent(60)
    assert show(edit, "new\nd\n") == ("A\nb\nC", "new")


def test_old_edits_do_not_count() -> None:
    now = 0.0
    history = EditHistory(clock=lambda: now)
    note_all(history, "one", "two")
    now = 61.0
    assert history.list_recent(60) == ()


def test_the_history_is_bounded() -> None:
    history = EditHistory()
    texts = ["\n".join("x" if line > number else "y" for line in range(EDITS * 4)) for number in range(0, EDITS * 4, 2)]
    note_all(history, *texts)
    assert len(history.list_recent(60)) == EDITS
    history.note_change("big", "x" * 600_000, "y" * 600_000)
    assert all(edit.uri == "a" for edit in history.list_recent(60))


def test_large_texts_are_remembered_in_smaller_number() -> None:
    history = EditHistory()
    text = "x" * 400_000 + "\n" * 100
    for line in range(0, 100, 2):
        after = text[: 400_000 + line] + "y" + text[400_000 + line :]
        history.note_change("a", text, after)
        text = after
    assert sum(len(edit.before) for edit in history.list_recent(60)) <= TOTAL


def test_a_closed_document_is_forgotten() -> None:
    history = EditHistory()
    note_all(history, "one", "two")
    history.forget("a")
    assert history.list_recent(60) == ()


def test_every_edit_leads_from_its_text_before_to_the_text_after_any_changes() -> None:
    chance = random.Random(7)  # noqa: S311 (not for secrets)
    for _ in range(300):
        history, text = EditHistory(), "a b\nc d\ne f\ng h\n"
        for _ in range(chance.randrange(1, 8)):
            start = chance.randrange(len(text) + 1)
            end = min(len(text), start + chance.randrange(4))
            after = text[:start] + chance.choice(["", "x", "y\n", "zz"]) + text[end:]
            history.note_change("a", text, after)
            text = after
        for edit in history.list_recent(60):
            assert 0 <= edit.old_start <= edit.old_end <= len(edit.before)
            assert 0 <= edit.start <= edit.end <= len(text)
            assert edit.before[: edit.old_start].endswith(text[: edit.start][-1:]) or edit.start == 0
            assert show(edit, text)[0] != show(edit, text)[1]
