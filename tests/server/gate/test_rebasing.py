"""Edits on the move: with their lines or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits import Edit, apply_edits
from server.gate import rebasing

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "d", "e\u2028f\n"]), max_size=8).map("".join)


def rebase_edit(before: str, old: str, new: str, now: str) -> str | None:
    at = before.index(old)
    edits = rebasing.rebase(before, (Edit(at, at + len(old), new),), now)
    return None if edits is None else apply_edits(now, edits)


BEFORE = "".join(f"line {number}\n" for number in range(12))


@pytest.mark.parametrize(("now", "after"), [
    ("new\n" + BEFORE, "new\n" + BEFORE.replace("line 6", "six")),
    (BEFORE.replace("line 11\n", ""), BEFORE.replace("line 11\n", "").replace("line 6", "six")),
    (BEFORE.replace("line 0\n", "x\ny\n"), BEFORE.replace("line 0\n", "x\ny\n").replace("line 6", "six")),
    (BEFORE.replace("line 6\n", "line six\n"), None),
    (BEFORE.replace("line 6\n", ""), None),
    (BEFORE + BEFORE, None),
    ("", None),
])  # fmt: skip
def test_an_edit_goes_where_its_lines_went(now: str, after: str | None) -> None:
    assert rebase_edit(BEFORE, "line 6", "six", now) == after


def test_a_place_that_was_there_twice_is_told_apart_by_more_lines() -> None:
    block = "def f():\n    a\n    b\n    c\n    return 1\n    d\n    e\n    f\n\n\n"
    before = "class A:\n" + block + "class B:\n" + block
    at = before.rindex("1")
    edits = rebasing.rebase(before, (Edit(at, at + 1, "2"),), "# new\n" + before)
    assert edits is not None
    assert apply_edits("# new\n" + before, edits) == "# new\n" + before[:at] + "2" + before[at + 1 :]


def test_nothing_goes_into_a_text_that_was_empty() -> None:
    assert rebasing.rebase("", (Edit(0, 0, "x"),), "y\n") is None


@given(LINES, LINES)
def test_edits_between_two_texts_make_one_of_the_other(old: str, new: str) -> None:
    assert apply_edits(old, rebasing.compute_edits(old, new)) == new


@given(LINES, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), LINES), max_size=3))
def test_inverted_edits_lead_back(before: str, drafts: list[tuple[int, int, str]]) -> None:
    edits, reached = [], 0
    for start, length, text in sorted(drafts):
        if reached <= start <= len(before):
            reached = min(len(before), start + length)
            edits.append(Edit(start, reached, text))
    after = apply_edits(before, tuple(edits))
    assert apply_edits(after, rebasing.invert_edits(before, edits)) == before


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_which_edits_were_made_is_seen(made: list[bool]) -> None:
    before = "one\ntwo\nthree\n"
    edits = (Edit(0, 3, "1"), Edit(4, 7, "2"), Edit(8, 13, "3"))
    now = apply_edits(before, tuple(edit for edit, done in zip(edits, made, strict=True) if done))
    assert rebasing.match_edits(before, edits, now) == tuple(made)
    assert rebasing.match_edits(before, edits, now + "typed") is None
