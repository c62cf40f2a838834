"""The hint of the first start: shown once, and never where it was turned off or is useless."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from models.local import machine
from models.local.machine import Machine
from server.assembly.setting_sections import ModelSettings
from server.assembly.settings import Settings
from server.lsp.serving.first_start import HINT, HINT_SHOWN_FILE, show_hint_once
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set Starling's home to a folder that does not exist yet, and return it."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def collect_hints(**model: Any) -> list[str]:
    """Run `show_hint_once` with the model settings `model`, and return the hints that it showed."""
    said: list[str] = []
    show_hint_once(Settings(model=ModelSettings(**model)), said.append)
    return said


def test_the_hint_is_shown_once_and_never_again(home: Path) -> None:
    assert [collect_hints(), collect_hints()] == [[HINT], []]
    assert stat.S_IMODE((home / "state" / HINT_SHOWN_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "model", [{"hint": False}, {"enabled": False}, {"name": "own"}, {"host": "http://127.0.0.1:9/v1"}]
)
def test_the_hint_is_not_shown_where_it_is_useless_and_stays_for_later(model: dict[str, Any]) -> None:
    assert collect_hints(**model) == []
    assert collect_hints() == [HINT]


def test_a_measured_machine_needs_no_hint() -> None:
    machine.store(Machine("cpu", "int8", 1, 1, 0, 1.0, 1.0, 1.0), paths.state_dir())
    assert collect_hints() == []


def test_without_a_writable_folder_no_hint_is_shown(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("no folder", "utf-8")
    assert collect_hints() == []
