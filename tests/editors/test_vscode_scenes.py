"""The scenes with the team in the chat view of the real VS Code; one of them by keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.vscode_scenes import play
from tests.scenes.all_scenes import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.editors.vscode import Workbench
    from tests.scenes.scene import Scene


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_in_vscode(scene: Scene, tmp_path: Path, open_folder: Callable[..., Workbench]) -> None:
    play(scene, tmp_path, open_folder, by_keys=scene.name == "key-error")
