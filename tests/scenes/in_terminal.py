"""Plays a scene in the terminal: the commands `starling ask` and `starling do`, with keys for the answers.

Start at `play`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.scenes.scene import Answer, PlanDecision, find_first_missing
from tests.scenes.terminal_program import TerminalProgram

if TYPE_CHECKING:
    from tests.scenes.scene import Scene, Turn

ROOT = Path(__file__).resolve().parents[2]
STARLING = (sys.executable, str(ROOT / "starling_lsp.py"))
KEYS = {Answer.YES: "y", Answer.YES_FOR_ALL: "a", Answer.NO: "n"}


def play(scene: Scene, folder: Path, *, read_s: float = 0.0) -> list[TerminalProgram]:
    """Play `scene` in a new workspace below `folder`; return the programs, one for each turn, with their output.

    The person takes `read_s` seconds to read a question.

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
                _play_turn(turn, program, read_s)
            programs.append(program)
    assert scene.find_missing(workspace) == []
    return programs


def _play_turn(turn: Turn, program: TerminalProgram, read_s: float) -> None:
    """Answer the questions of one turn, wait for its end, and check what was shown."""
    for decision in turn.decisions:
        if isinstance(decision, PlanDecision):
            program.wait_for(f"Start this plan? {decision.about}")
            program.wait_for("] ")
            time.sleep(read_s)
            program.enter(f"d {decision.dropped}")
            program.wait_for("Start this plan?")
            program.wait_for("] ")
            time.sleep(read_s)
            program.enter("")
            continue
        program.wait_for(f"Starling: {decision.about}")
        program.wait_for("n: reject] ")
        time.sleep(read_s)
        program.enter(KEYS[decision.answer])
    assert program.wait_for_end() == 0, program.text
    assert find_first_missing(turn.shown, program.text) == "", program.text
    assert find_first_missing(turn.results, program.text) == "", program.text
