"""The parts of a proposal: how they are found, what taking some makes of a text, how those left out are named."""

from __future__ import annotations

import random
from pathlib import Path
from random import Random

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from server.gate import hunks
from server.gate.hunks import Hunk, find_hunks, narrow, split_lines

PATH = Path("/w/a.py")
ROUNDS = 400


def make_change(before: str, after: str) -> TextChange:
    return TextChange(PATH.as_uri(), PATH, before, (Edit(0, len(before), after),))


def propose(*changes: TextChange | CreateFile | DeleteFile | RenameFile) -> ProposedEdit:
    return ProposedEdit("Do it", "Because.", "tester", changes)


def find(before: str, after: str) -> tuple[Hunk, ...]:
    return find_hunks(propose(make_change(before, after)), ("a.py",))


def show(before: str, after: str) -> list[str]:
    """Return the parts between two texts as the lines of a unified diff."""
    return [line for one in find(before, after) for line in (one.header, *one.lines)]


def take(before: str, after: str, *taken: int) -> str:
    """Return `before` with the parts of the indexes `taken`."""
    proposal = propose(make_change(before, after))
    found = find_hunks(proposal, ("a.py",))
    narrowed = narrow(proposal, found, {found[index].id for index in taken})
    [change] = narrowed.changes or (make_change(before, before),)
    assert isinstance(change, TextChange)
    return change.after


def test_each_run_of_changed_lines_is_a_part_with_its_lines_before_and_after() -> None:
    before, after = "a\nb\nc\nd\ne\n", "a\nB\nc\nd\nd2\nd3\n"
    assert [(one.id, one.before, one.after) for one in find(before, after)] == [
        ("0.0", (1, 2), (1, 2)), ("0.1", (4, 5), (4, 6)),
    ]  # fmt: skip
    assert show(before, after) == [
        "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c",
        "@@ -4,2 +4,3 @@", " d", "-e", "+d2", "+d3",
    ]  # fmt: skip


def test_a_new_text_and_a_text_that_is_emptied_are_one_part() -> None:
    assert show("", "a\nb") == ["@@ -0,0 +1,2 @@", "+a", "+b", "\\ No newline at end of file"]
    assert show("a\n", "") == ["@@ -1,1 +0,0 @@", "-a"]
    assert find("a\n", "a\n") == ()


def test_taken_parts_keep_line_endings_and_a_missing_last_newline() -> None:
    before, after = "a\r\nb\r\nc\r\nd", "A\r\nb\r\nc\r\nD"
    assert (take(before, after, 0), take(before, after, 1)) == ("A\r\nb\r\nc\r\nd", "a\r\nb\r\nc\r\nD")
    assert take("a\nb\nc", "a\nb\nc\n", 0) == "a\nb\nc\n"
    assert take("a\nb\nc", "A\nb\nc\n", 0) == "A\nb\nc"
    assert show("a\nb", "a\nb\n") == ["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+b"]


def test_carriage_returns_are_shown_only_where_line_endings_differ() -> None:
    assert show("a\r\n", "b\r\n") == ["@@ -1,1 +1,1 @@", "-a", "+b"]
    assert show("a\r\n", "a\n") == ["@@ -1,1 +1,1 @@", "-a␍", "+a"]


def test_a_rewritten_block_is_not_torn_apart_by_a_bracket_or_an_empty_line_in_it() -> None:
    assert len(find("f {\n  a\n}\ng {\n  b\n", "F {\n  x\n}\nG {\n  y\n")) == 1
    assert len(find("a = 1\n\nb = 1\n", "a = 2\n\nb = 2\n")) == 2
    assert len(find("a\nb\nkept\nc\nd\n", "A\nB\nkept\nC\nD\n")) == 2


def test_files_that_are_created_deleted_or_renamed_are_taken_or_left_whole() -> None:
    changes = (CreateFile(Path("/w/new.py"), "x\ny\n"), DeleteFile(PATH, "a\n"), RenameFile(PATH, Path("/w/b.py")))
    proposal = propose(*changes)
    found = find_hunks(proposal, ("new.py", "a.py", "a.py"))
    assert [one.id for one in found] == ["0.0", "1.0", "2.0"]
    assert [one.lines for one in found] == [("+x", "+y"), ("-a",), ()]
    assert narrow(proposal, found, {"1.0"}).changes == (changes[1],)
    assert hunks.describe_left_out(proposal, found, ()) == (
        "the new file new.py", "the deletion of a.py", "the renaming of a.py",
    )  # fmt: skip


def test_parts_that_are_left_out_are_named_by_the_lines_before_the_change() -> None:
    before = "".join(f"{number}\n" for number in range(1, 20))
    after = before.replace("2\n3\n4\n", "two\n", 1).replace("9\n", "nine\n", 1).replace("15\n", "15\n15b\n")
    proposal = propose(make_change(before, f"0\n{after}"))
    found = find_hunks(proposal, ("a.py",))
    assert hunks.describe_left_out(proposal, found, ()) == ("a.py, before line 1, lines 2-4, line 9 and after line 15",)
    assert hunks.describe_left_out(proposal, found, {found[0].id, found[2].id}) == (
        "a.py, lines 2-4 and after line 15",
    )


def test_long_lists_of_places_are_cut() -> None:
    before = "".join(f"{number}\nkept {number}\n" for number in range(60))
    proposal = propose(make_change(before, before.replace("kept", "held")))
    [phrase] = hunks.describe_left_out(proposal, find_hunks(proposal, ("a.py",)), ())
    assert phrase.endswith("line 38 and 41 more places")


def test_a_text_with_too_many_changes_is_one_part_from_the_first_to_the_last_of_them() -> None:
    before = [f"{number}\n" for number in range(50_000)]
    after = [line if number % 3 else f"new {line}" for number, line in enumerate(before)]
    [one] = find("".join(before), "".join(after))
    assert (one.before, one.after) == ((0, 49_999), (0, 49_999))
    assert take("".join(before), "".join(after), 0) == "".join(after)


def test_few_changes_of_a_long_text_are_found_one_by_one() -> None:
    before = [f"{number}\n" for number in range(100_000)]
    after = [*before[:10], "new\n", *before[10:80_000], *before[80_001:99_000], "other\n", *before[99_001:]]
    assert [one.before for one in find("".join(before), "".join(after))] == [
        (10, 10),
        (80_000, 80_001),
        (99_000, 99_001),
    ]


def test_a_long_text_of_equal_lines_does_not_take_forever() -> None:
    before, after = "same\n" * 50_000, "same\n" * 20_000 + "other\n" + "same\n" * 29_000 + "end\n"
    assert take(before, after, *range(len(find(before, after)))) == after


PIECES = ["a\n", "b\n", "a\r\n", "\n", "}\n", "long line\n", "c\r", "x\n", "y\n"]


def make_texts(dice: Random) -> tuple[str, str]:
    """Return a random text and another one made from it."""
    lines = dice.choices(PIECES, k=dice.randint(0, 30))
    changed = list(lines)
    for _ in range(dice.randint(0, 6)):
        at = dice.randint(0, len(changed))
        changed[at : at + dice.randint(0, 3)] = dice.choices(PIECES, k=dice.randint(0, 3))
    ends = ["", "", "tail"]
    return "".join(lines) + dice.choice(ends), "".join(changed) + dice.choice(ends)


def test_any_choice_of_parts_of_random_texts_makes_exactly_that_text() -> None:
    several = 0
    for _ in range(ROUNDS):
        seed = random.getrandbits(62)  # pytest-randomly says how to get the same again
        dice = Random(seed)  # noqa: S311 (no secret)
        before, after = make_texts(dice)
        old, new = split_lines(before), split_lines(after)
        assert ("".join(old), "".join(new)) == (before, after), seed
        found = find(before, after)
        assert found == find(before, after)
        several += len(found) > 1
        taken = [index for index in range(len(found)) if dice.random() < 0.5]
        expected, reached = [], 0
        for index, one in enumerate(found):
            assert one.before[0] > reached or index == 0, seed  # an equal line lies between two parts
            expected += old[reached : one.before[0]]
            expected += new[slice(*one.after)] if index in taken else old[slice(*one.before)]
            reached = one.before[1]
        expected += old[reached:]
        assert take(before, after, *taken) == "".join(expected), seed
        assert take(before, after, *range(len(found))) == after, seed
        assert take(before, after) == before, seed
    assert several > ROUNDS / 4


def test_the_lines_of_parts_are_a_diff_whose_headers_count_them() -> None:
    for _ in range(ROUNDS):
        before, after = make_texts(Random(random.getrandbits(62)))  # noqa: S311
        reached = 0
        for one in find(before, after):
            _, old, new, _ = one.header.split(" ")
            signs = [line[0] for line in one.lines]
            counts = [int(text.split(",")[1]) for text in (old, new)]
            assert counts == [signs.count(" ") + signs.count("-"), signs.count(" ") + signs.count("+")]
            start = int(old.split(",")[0].removeprefix("-"))
            assert start > reached or not counts[0]
            reached = start + counts[0] - 1
