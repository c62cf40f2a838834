"""`starling mcp` without its extra, and in a folder that does not exist."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from server.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_without_the_extra_a_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(["mcp"]) == 1
    assert "install Starling with the extra: uv tool install '.[mcp]'" in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--workspace", str(tmp_path / "gone")]) == 1
    assert "gone does not exist; give a folder." in capsys.readouterr().err
