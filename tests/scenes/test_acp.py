"""The scenes in a client of the Agent Client Protocol, with a real `starling acp`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenes.all_scenes import SCENES
from tests.scenes.in_acp import play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_scene_in_a_client_of_the_protocol(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = await play(scene, tmp_path, monkeypatch)
    diffs = [one for asked, _ in editor.questions for one in asked.content or () if one.type == "diff"]
    assert diffs
    if scene.name == "logging-everywhere":
        plan = editor.list_updates("plan")[-1]
        assert [one.status for one in plan.entries].count("completed") >= 4
