"""The question on a terminal: a real program on a pseudo-terminal, answered by key presses."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from server.cli.terminal_asker import colour
from tests.server.cli.terminals import PROGRAM, WAIT_S, Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace with one file."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_bytes(b"x = 1\r\n")
    return folder


@pytest.mark.parametrize(
    ("entered", "verdict"), [("y", "applied"), ("YES", "applied"), ("n", "rejected"), ("", "rejected")]
)
def test_the_diff_is_shown_in_colour_and_one_question_asked(
    root: Path, terminals: list[Terminal], entered: str, verdict: str
) -> None:
    terminals.append(terminal := Terminal(root, "edit"))
    screen = terminal.wait_for("n: reject]")
    assert "\x1b[32m+y = 1" in screen
    assert "\x1b[31m-x = 1" in screen
    assert "Proposed by tester: It is clearer." in screen
    assert screen.count("Starling: Rename x?") == 1
    terminal.enter(entered)
    assert terminal.read_outcome()[0] == verdict
    assert (root / "a.py").read_bytes() == (b"y = 1\r\n" if verdict == "applied" else b"x = 1\r\n")


def test_an_invalid_answer_is_asked_for_again(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "edit"))
    terminal.wait_for("n: reject]")
    terminal.enter("perhaps")
    terminal.wait_for("n: reject]", 2)
    terminal.enter("s")
    screen = terminal.wait_for("n: reject]", 3)
    assert screen.count("\x1b[32m+y = 1") == 2
    terminal.enter("a")
    assert terminal.read_outcome()[0] == "applied"


def test_a_deletion_cannot_be_answered_for_the_rest_of_the_task(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "delete"))
    assert "a: " not in terminal.wait_for("n: reject]")
    terminal.enter("a")
    terminal.wait_for("n: reject]", 2)
    terminal.enter("n")
    assert terminal.read_outcome()[0] == "rejected"
    assert (root / "a.py").exists()


def test_a_command_is_shown_before_it_runs(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "run"))
    assert "pytest -q" in terminal.wait_for("[y: run, n: reject]")
    terminal.enter("y")
    assert terminal.read_outcome()[0] == "applied"


PARTS = b"a\r\n1\r\nb\r\n2\r\nc"


@pytest.mark.parametrize(
    ("keys", "written", "left"),
    [
        ("ynyn", b"A\r\n1\r\nb\r\n2\r\nC", "2 of 4 parts were taken. Left out: a.py, line 3; the new file b.py."),
        ("nay", b"a\r\n1\r\nB\r\n2\r\nC", "3 of 4 parts were taken. Left out: a.py, line 1."),
        ("dy", PARTS, "1 of 4 parts were taken. Left out: a.py, line 1, line 3 and line 5."),
        (
            "yq",
            b"A\r\n1\r\nb\r\n2\r\nc",
            "1 of 4 parts were taken. Left out: a.py, line 3 and line 5; the new file b.py.",
        ),
        ("?ay", b"A\r\n1\r\nB\r\n2\r\nC", ""),
    ],
)
def test_parts_are_taken_and_left_one_after_the_other(
    root: Path, terminals: list[Terminal], keys: str, written: bytes, left: str
) -> None:
    (root / "a.py").write_bytes(PARTS)
    terminals.append(terminal := Terminal(root, "parts"))
    assert "[y: apply, a: apply, and the rest of this task, s: show the changes, p: choose parts, n: reject]" in (
        terminal.wait_for("n: reject]").replace("\r\n", "")
    )
    terminal.enter("p")
    for number, key in enumerate(keys, 1):
        terminal.wait_for("Take this part [y,n,a,d,q,?]?", number)
        terminal.enter(key)
    assert terminal.read_outcome() == ["applied", left]
    assert (root / "a.py").read_bytes() == written
    assert (root / "b.py").exists() == ("b.py" not in left)


@pytest.mark.parametrize("keys", ["q", "dn", "\x04"])
def test_taking_no_part_and_the_end_of_the_input_are_a_rejection(
    root: Path, terminals: list[Terminal], keys: str
) -> None:
    (root / "a.py").write_bytes(PARTS)
    terminals.append(terminal := Terminal(root, "parts"))
    terminal.wait_for("n: reject]")
    terminal.enter("p")
    for number, key in enumerate(keys, 1):
        terminal.wait_for("Take this part [y,n,a,d,q,?]?", number)
        os.write(terminal._master, b"\x04") if key == "\x04" else terminal.enter(key)
    assert terminal.read_outcome()[0] == "rejected"
    assert (root / "a.py").read_bytes() == PARTS


def test_each_part_is_shown_with_its_file_and_lines_in_colour(root: Path, terminals: list[Terminal]) -> None:
    (root / "a.py").write_bytes(PARTS)
    terminals.append(terminal := Terminal(root, "parts"))
    terminal.wait_for("n: reject]")
    terminal.enter("p")
    screen = terminal.wait_for("(1/4) Take this part").rpartition("n: reject]")[2]
    assert [text in screen for text in ("a.py", "@@ -1,2 +1,2 @@", "\x1b[31m-a", "\x1b[32m+A")] == [True] * 4


def test_a_change_of_one_part_is_answered_as_a_whole(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "edit"))
    assert "choose parts" not in terminal.wait_for("n: reject]")
    terminal.enter("p")
    terminal.wait_for("n: reject]", 2)
    terminal.enter("n")
    assert terminal.read_outcome()[0] == "rejected"


def test_the_end_of_the_input_is_a_rejection(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "edit"))
    terminal.wait_for("n: reject]")
    terminal.end_input()
    assert terminal.read_outcome()[0] == "rejected"


def test_input_before_the_question_does_not_answer_it(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "edit"))
    terminal.enter("y")
    terminal.wait_for("n: reject]")
    terminal.enter("n")
    assert terminal.read_outcome()[0] == "rejected"


def run_without_terminal(root: Path, *arguments: str) -> list[str]:
    """Run the program without a terminal but with "y" on stdin; return its outcome and reason."""
    environment = {**os.environ, "STARLING_HOME": str(root.parent / "home")}
    done = subprocess.run(
        [*PROGRAM, str(root), *arguments],
        input=b"y\n",
        capture_output=True,
        env=environment,
        check=True,
        timeout=WAIT_S,
    )
    return list(json.loads(done.stdout))


def test_without_a_terminal_nothing_is_written(root: Path) -> None:
    assert run_without_terminal(root, "edit") == [
        "refused",
        "There is no terminal to ask on, so nothing is written; run the command in one, or add --yes edit.",
    ]
    assert (root / "a.py").read_bytes() == b"x = 1\r\n"


def test_yes_allows_the_kinds_it_names(root: Path) -> None:
    assert run_without_terminal(root, "edit", "edit") == ["applied", ""]
    assert (root / "a.py").read_bytes() == b"y = 1\r\n"


def test_the_option_yes_for_one_kind_allows_no_other(root: Path) -> None:
    verdict, reason = run_without_terminal(root, "both", "edit")
    assert (verdict, reason[-13:]) == ("refused", "--yes create.")
    assert not (root / "b.py").exists()
    assert run_without_terminal(root, "both", "edit", "create") == ["applied", ""]


def test_escapes_in_a_change_are_shown_and_not_sent(root: Path) -> None:
    assert "\x1b" not in colour("+y\x1b]0;owned\x07").plain
    assert run_without_terminal(root, "escape", "edit")[0] == "applied"
