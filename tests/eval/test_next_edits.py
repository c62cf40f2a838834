"""The measurement of next edits: hunks of a commit, their kinds, and what counts as right."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from agents.next_edit.next_edits import Candidate, Kind
from tests.eval import next_edits
from tests.eval.commit_hunks import Commit, find_changes, group_hunks, read_commits

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "def f(a):\n    return a\n\n\nx = f(1)\n\ny = f(2)\n\nz = f(3)\n"


def commit_all(folder: Path, message: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for arguments in (["add", "."], [*name, "commit", "-qm", message]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def read(folder: Path, *texts: str) -> list[Commit]:
    """Return the commits of a repository in which `main.py` had each of `texts`."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for number, text in enumerate(texts):
        (folder / "main.py").write_text(text, encoding="utf-8")
        commit_all(folder, str(number))
    return list(read_commits(folder, 10))


def test_a_renamed_function_and_its_uses_are_a_group_and_are_all_proposed(tmp_path: Path) -> None:
    (commit,) = read(tmp_path, BEFORE, BEFORE.replace("f(", "area("))
    assert [(hunk.start, hunk.end) for hunk in commit.hunks] == [(0, 1), (4, 5), (6, 7), (8, 9)]
    (group,) = group_hunks(commit)
    assert (group.kind, len(group.hunks)) == ("rename", 4)
    result = next_edits.replay_group("p", group)
    assert (result.expected, result.proposed, result.complete) == (3, 3, 3)
    assert (dict(result.right), dict(result.wrong)) == ({"rename": 3}, {})


def test_the_calls_of_a_changed_function_are_a_group(tmp_path: Path) -> None:
    after = BEFORE.replace("f(a)", "f(a, b)").replace("(1)", "(1, 0)").replace("(2)", "(2, 5)").replace("(3)", "(3, 7)")
    (commit,) = read(tmp_path, BEFORE, after)
    (group,) = [one for one in group_hunks(commit) if one.kind == "signature"]
    assert len(group.hunks) == 4
    assert next_edits.replay_group("p", group).proposed == 0


def test_a_commit_that_renames_only_one_use_counts_what_is_proposed_as_wrong(tmp_path: Path) -> None:
    (commit,) = read(tmp_path, BEFORE, BEFORE.replace("def f(", "def area("))
    result = next_edits.replay_single("p", commit)
    assert dict(result.wrong) == {"rename": 2}
    (row,) = [row for row in next_edits.build_rows("dev", [result]) if row["what"] == "single hunks"]
    assert (row["commits"], row["commits_with_a_proposal"]) == (1, 1)


def test_right_is_what_brings_the_text_nearer_to_the_commit() -> None:
    text, target = "a = 1\nb = a + a\nc = 2\n", "x = 1\nb = x + a\nc = 2\n"

    def judge(start: int, end: int, new: str) -> tuple[int, int] | None:
        one = Candidate("u", start, end, new, Kind.RENAME, "")
        return next_edits.judge(text, text[:start] + new + text[end:], target, one)

    assert judge(0, 1, "x") == (0, 1)
    assert judge(10, 11, "x") == (1, 2)
    assert judge(14, 15, "x") is None
    assert judge(10, 15, "x + x") is None
    assert judge(20, 21, "3") is None


def test_punctuation_alone_is_no_kind() -> None:
    assert find_changes("f('a')", 'f("a")') == ((("'",), ('"',)), (("'",), ('"',)))
    assert find_changes("a b", "a c b") == (((), ("c",)),)
