"""`starling health`: whether a worker of the workspace is alive, as a sentence and as an exit status."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from server.cli import run
from server.work.life_signs import LifeSigns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty workspace, the working directory."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert not home.exists()
    return folder


def give_sign(workspace: Path, age_s: float) -> None:
    """Give a sign of life that is `age_s` seconds old."""
    LifeSigns(workspace.as_uri(), lambda: time.time() - age_s).give()


def test_a_recent_sign_of_life_is_health(shop: Path, run_json_command: Callable[..., dict[str, Any]]) -> None:
    give_sign(shop, 20)
    found = run_json_command("health")
    assert (found["ok"], found["process"]) == (True, os.getpid())
    assert 20 <= found["age_s"] < 40


def test_without_a_sign_the_status_is_1_and_the_next_step_is_said(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_sign(tmp_path / "another", 0)
    assert run(["health"]) == 1
    assert f"No worker of {shop} has given a sign of life; start one: starling work --watch" in capsys.readouterr().err


def test_an_old_sign_is_no_health(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    give_sign(shop, 90)
    assert run(["health"]) == 1
    assert "s ago, from process" in capsys.readouterr().err
    assert run(["health", "--within", "200"]) == 0


def test_a_sign_from_the_future_is_no_health(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    give_sign(shop, -900)
    assert run(["health"]) == 1
    assert "s ahead of the clock" in capsys.readouterr().err
