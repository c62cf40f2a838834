"""The scenes in `acpx`, a client of the Agent Client Protocol for the terminal, by its keys. Start at `play`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.scenes.in_terminal import ROOT
from tests.scenes.terminal_program import TerminalProgram

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene

AGENT = f"{sys.executable} {ROOT / 'starling_lsp.py'} acp"


def play(
    scene: Scene, folder: Path, answer: str = "y", *, columns: int = 200, rows: int = 40, read_s: float = 0.0
) -> list[TerminalProgram]:
    """Play `scene` with `acpx exec`, and type `answer` at each of its questions; return the program of each turn.

    `read_s` are the seconds before each answer.
    """
    program = os.environ.get("ACPX")
    assert program, "no acpx: `make test-acpx` installs it, or name one in ACPX"
    workspace = scene.write_workspace(folder / scene.name)
    with ScriptedServer(scene.script) as server:
        environment = {
            **os.environ,
            "HOME": str(folder),
            "STARLING_HOME": str(folder / "home"),
            "STARLING_MODEL__ENABLED": "false",
            "STARLING_INDEX__ENABLED": "false",
            "STARLING_CHAT__URL": f"{server.url}/v1",
            "STARLING_CHAT__MODEL": "scripted",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }
        given, size = (answer, read_s), (columns, rows)
        return [
            _run([program, "--agent", AGENT, "exec", turn.request], environment, workspace, given, size)
            for turn in scene.turns
        ]


def _run(
    command: list[str], environment: dict[str, str], workspace: Path, answer: tuple[str, float], size: tuple[int, int]
) -> TerminalProgram:
    """Run one turn until its end on a terminal of that size; return the program, which has ended.

    `answer` is typed at each question, after the seconds beside it.
    """
    with TerminalProgram.start(command, environment, workspace, columns=size[0], rows=size[1]) as program:
        answered = 0
        while program.process.poll() is None:
            if program.text.count("? (y/N) ") > answered:
                answered += 1
                time.sleep(answer[1])
                program.enter(answer[0])
            with suppress(subprocess.TimeoutExpired):
                program.process.wait(timeout=0.05)
        program.wait_for_end()
        return program
