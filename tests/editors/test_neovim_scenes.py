"""The scenes with the team in the real Neovim: `:StarlingChat`, requests and answers by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim_scenes import play
from tests.scenes.all_scenes import SCENES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_in_neovim(scene: Scene, tmp_path: Path, starling_on_path: str) -> None:
    play(scene, tmp_path, starling_on_path)
