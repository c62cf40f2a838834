"""The four scenes with `acpx`, a client of the Agent Client Protocol for the terminal, by its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.acpx_scenes import play
from tests.scenes.all_scenes import SCENES
from tests.scenes.key_error import KEY_ERROR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.scene import Scene

ASKS = "[permission] Allow "


def list_questions(text: str) -> list[str]:
    """Return what acpx asked, with the kinds."""
    return [line.split(ASKS)[1] for line in text.splitlines() if ASKS in line]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_is_played_with_a_yes_to_each_question(scene: Scene, tmp_path: Path) -> None:
    outputs = [one.text for one in play(scene, tmp_path)]
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
    (program,) = play(KEY_ERROR, tmp_path, "n")
    text = program.text
    assert "[edit]? (y/N)" in text
    assert "The proposal was rejected, so nothing was changed." in text
    assert len(KEY_ERROR.find_missing(tmp_path / KEY_ERROR.name)) == 2
