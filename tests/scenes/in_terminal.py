"""Plays a scene in the terminal: the commands `starling ask` and `starling do`, with keys for the answers.

Start at `play`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.scenes.scene import Answer
from tests.scenes.terminal_program import TerminalProgram

if TYPE_CHECKING:
    from tests.scenes.scene import Scene, Turn

ROOT = Path(__file__).resolve().parents[2]
STARLING = (sys.executable, str(ROOT / "starling_lsp.py"))
KEYS = {Answer.YES: "y", Answer.YES_FOR_ALL: "a", Answer.NO: "n"}


def play(scene: Scene, folder: Path) -> list[TerminalProgram]:
    """Play `scene` in a new workspace below `folder`; return the programs, one for each turn, with their output.

    Raises:
        AssertionError: something was not shown or written as the scene says.
    """
    workspace = scene.write_workspace(folder / scene.name)
    programs = []
    with ScriptedServer(scene.script) as server:
        environment = {
            **os.environ,
            "STARLING_HOME": str(folder / "home"),
            "STARLING_MODEL__ENABLED": "false",
            "STARLING_CHAT__URL": f"{server.url}/v1",
            "STARLING_CHAT__MODEL": "scripted",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }
        environment.pop("COLUMNS", None)
        for number, turn in enumerate(scene.turns):
            command = [*STARLING, "do" if turn.acts else "ask", *(["--continue"] if number else []), turn.request]
            with TerminalProgram.start(command, environment, workspace) as program:
                _play_turn(turn, program)
            programs.append(program)
    assert scene.find_missing(workspace) == []
    return programs


def _play_turn(turn: Turn, program: TerminalProgram) -> None:
    """Answer the questions of one turn, wait for its end, and check what was shown."""
    for decision in turn.decisions:
        program.wait_for(f"Starling: {decision.about}")
        program.wait_for("n: reject] ")
        program.enter(KEYS[decision.answer])
    assert program.wait_for_end() == 0, program.text
    at = 0
    for shown in turn.shown:
        assert shown in program.text[at:], f"{shown!r} was not shown:\n{program.text}"
        at = program.text.index(shown, at)
