"""The four scenes with `acpx`, a client of the Agent Client Protocol for the terminal, by its keys."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.scenes.all_scenes import SCENES
from tests.scenes.in_terminal import ROOT
from tests.scenes.key_error import KEY_ERROR
from tests.scenes.terminal_program import TerminalProgram

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene

AGENT = f"{sys.executable} {ROOT / 'starling_lsp.py'} acp"
ASKS = "[permission] Allow "


def play(scene: Scene, folder: Path, answer: str) -> list[str]:
    """Play `scene` with `acpx exec`, and type `answer` at each of its questions; return the output of each turn."""
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
        return [
            _run([program, "--agent", AGENT, "exec", turn.request], environment, workspace, answer)
            for turn in scene.turns
        ]


def _run(command: list[str], environment: dict[str, str], workspace: Path, answer: str) -> str:
    """Run one turn until its end; return the output."""
    with TerminalProgram.start(command, environment, workspace, columns=200) as program:
        answered = 0
        while program.process.poll() is None:
            if program.text.count("? (y/N) ") > answered:
                answered += 1
                program.enter(answer)
            with suppress(subprocess.TimeoutExpired):
                program.process.wait(timeout=0.05)
        program.wait_for_end()
        return program.text


def list_questions(text: str) -> list[str]:
    """Return what acpx asked, with the kinds."""
    return [line.split(ASKS)[1] for line in text.splitlines() if ASKS in line]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_is_played_with_a_yes_to_each_question(scene: Scene, tmp_path: Path) -> None:
    outputs = play(scene, tmp_path, "y")
    for turn, text in zip(scene.turns, outputs, strict=True):
        assert "[done] end_turn" in text
        questions = list_questions(text)
        expected = [one.about for one in turn.decisions]
        assert [one for one in expected if not any(one in asked for asked in questions)] == [], text
        at = 0
        for shown in turn.shown:
            assert shown in text[at:], f"{shown!r} was not shown:\n{text}"
            at = text.index(shown, at)
    assert scene.find_missing(tmp_path / scene.name) == []


def test_nothing_is_written_after_a_no(tmp_path: Path) -> None:
    (text,) = play(KEY_ERROR, tmp_path, "n")
    assert "[edit]? (y/N)" in text
    assert "The proposal was rejected, so nothing was changed." in text
    assert len(KEY_ERROR.find_missing(tmp_path / KEY_ERROR.name)) == 2
