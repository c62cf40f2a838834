"""Plans on a terminal: a real program on a pseudo-terminal, answered by key presses."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.person import ProposedStep
from server.cli.plan_prompt import change_steps
from tests.server.cli.terminals import PROGRAM, WAIT_S, Terminal

if TYPE_CHECKING:
    from pathlib import Path

PLAN = [["architect", "Design it"], ["coder", "Write it"], ["tester", "Test it"]]
EDITED = "2. coder: All\\n\\n# no\\nCheck it\\n"
STEPS = tuple(ProposedStep(title, role) for role, title in PLAN)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace with one file."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")
    return folder


@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        ("d 2", [PLAN[0], PLAN[2]]),
        ("D 3", PLAN[:2]),
        ("m 3 1", [PLAN[2], PLAN[0], PLAN[1]]),
        ("m 1 3", [PLAN[1], PLAN[2], PLAN[0]]),
        ("w 1 Sketch it", [["architect", "Sketch it"], *PLAN[1:]]),
        ("w 1 coder: Sketch 2 of it", [["coder", "Sketch 2 of it"], *PLAN[1:]]),
        ("a reviewer: Read it", [*PLAN, ["reviewer", "Read it"]]),
        ("a 3", [*PLAN, ["me", "3"]]),
        ("d 4", None),
        ("d 0", None),
        ("m 1 4", None),
        ("d", None),
        ("perhaps", None),
    ],
)
def test_a_line_changes_the_steps(entered: str, expected: list[list[str]] | None) -> None:
    changed = change_steps(entered, STEPS, "me")
    assert (None if changed is None else [[one.role, one.title] for one in changed]) == expected


@pytest.mark.parametrize("entered", ["", "y", "YES"])
def test_a_plan_is_started_as_it_is(root: Path, terminals: list[Terminal], entered: str) -> None:
    terminals.append(terminal := Terminal(root, "plan", VISUAL="", EDITOR=""))
    screen = terminal.wait_for("ROLE: TEXT: add]")
    assert "starling: Start this plan? A log\\x1b[2J" in screen
    assert "  1. architect: Design it\r\n  2. coder: Write it\r\n" in screen
    terminal.enter(entered)
    assert terminal.read_outcome() == [PLAN, ""]


def test_a_plan_is_edited_by_lines_and_an_unknown_role_is_said(root: Path, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(root, "plan", VISUAL="", EDITOR=""))
    for number, entered in enumerate(["d 1", "m 2 1", "a pilot: Fly", "perhaps", ""], 1):
        terminal.wait_for("ROLE: TEXT: add]", number)
        terminal.enter(entered)
    assert "'perhaps' changes nothing" in terminal.wait_for("ROLE: TEXT: add]", 6)
    assert "There is no role 'pilot' for a step; there are: orchestrator" in terminal.screen
    terminal.enter("w 3 coder: Fly")
    terminal.wait_for("ROLE: TEXT: add]", 7)
    terminal.enter("")
    assert terminal.read_outcome() == [[PLAN[2], PLAN[1], ["coder", "Fly"]], ""]


@pytest.mark.parametrize("remark", ["First the tests.", ""])
def test_a_plan_is_refused_with_a_remark(root: Path, terminals: list[Terminal], remark: str) -> None:
    terminals.append(terminal := Terminal(root, "plan"))
    terminal.wait_for("ROLE: TEXT: add")
    terminal.enter("n")
    terminal.wait_for("what should be different?")
    terminal.enter(remark)
    assert terminal.read_outcome() == [None, remark]


@pytest.mark.parametrize(
    ("script", "said", "steps"),
    [
        (f'printf "{EDITED}" > "$1"', "2. orchestrator: Check it", [["coder", "All"], ["orchestrator", "Check it"]]),
        ('printf "" > "$1"', "3. tester: Test it", PLAN),
        ("exit 3", "ended with status 3", PLAN),
        ('rm "$1"', "The editor did not change the plan", PLAN),
    ],
)
def test_a_plan_is_edited_in_the_persons_editor(
    root: Path, terminals: list[Terminal], script: str, said: str, steps: list[Any]
) -> None:
    editor = root / "my editor.sh"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o700)
    terminals.append(terminal := Terminal(root, "plan", VISUAL=f"'{editor}'"))
    terminal.wait_for("e: edit]")
    terminal.enter("e")
    assert said in terminal.wait_for("e: edit]", 2)
    terminal.enter("")
    assert terminal.read_outcome() == [steps, ""]


def test_a_plan_is_answered_by_nobody_at_the_end_of_the_input_and_after_a_cancellation(
    root: Path, terminals: list[Terminal]
) -> None:
    terminals.append(terminal := Terminal(root, "plan"))
    terminal.wait_for("ROLE: TEXT: add")
    terminal.end_input()
    assert terminal.read_outcome() == [None, None]
    terminals.append(terminal := Terminal(root, "plan"))
    terminal.wait_for("ROLE: TEXT: add")
    (root / "cancelled").touch()
    assert terminal.read_outcome() == [None, None]


def run_without_terminal(root: Path, *arguments: str) -> list[Any]:
    """Run the program without a terminal but with "y" on stdin; return what it printed."""
    environment = {**os.environ, "STARLING_HOME": str(root.parent / "home")}
    command = [*PROGRAM, str(root), *arguments]
    done = subprocess.run(command, input=b"y\n", capture_output=True, env=environment, check=True, timeout=WAIT_S)
    return list(json.loads(done.stdout))


def test_without_a_terminal_nobody_answers_unless_yes_allows_plans(root: Path) -> None:
    assert run_without_terminal(root, "plan", "edit") == [None, None]
    assert run_without_terminal(root, "plan", "plan") == [PLAN, ""]
