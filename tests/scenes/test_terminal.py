"""The scenes in the terminal: `starling ask` and `do` on a real pseudo-terminal, with keys as answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.scenes.all_scenes import SCENES
from tests.scenes.in_terminal import play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_in_the_terminal(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")  # no scene searches the index
    programs = play(scene, tmp_path)
    for turn, program in zip(scene.turns, programs, strict=True):
        chosen = [line.partition(" ")[0] for line in program.text.splitlines() if line.endswith(")")]
        assert [one for one in turn.agents if one not in chosen] == []
