"""Fixtures of the tests of the commands."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from models.catalog.catalog import BUNDLED, DEFAULT_MODEL
from server.cli import run
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.cli.terminals import Terminal

WORKSPACE = parse("""
#- shapes.py
def area_of_circle(radius):
    '''Area.'''
    return 3.14159 * radius * radius


def area_of_square(side):
    return side * side
#- main.py
from shapes import area_of_circle

total = area_of_circle(2) + area_of_circle(3)
print("the total area", total)
#- .env
PASSWORD=hunter22
#- big.bin.py
\0\0\0
""")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set Starling's home to a new folder, and the width of the terminal; return the home."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "home"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with two modules, a secret and a binary file."""
    return WORKSPACE.write(tmp_path / "workspace")


@pytest.fixture
def run_json_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a command with `--json`, checks its exit status, and returns its object."""

    def run_json(*arguments: str | Path, status: int = 0) -> dict[str, Any]:
        assert run([*map(str, arguments), "--json"]) == status, capsys.readouterr().err
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, dict)
        return found

    return run_json


@pytest.fixture
def own_broken_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Select an own model whose weights are garbage; return the file of the weights."""
    folder = home / "config" / "models" / "mine"
    bundled = BUNDLED / DEFAULT_MODEL
    folder.mkdir(parents=True)
    entry = (bundled / "catalog.toml").read_text(encoding="utf-8")
    (folder / "catalog.toml").write_text(entry.replace(f'"{DEFAULT_MODEL}"', '"mine"', 1), encoding="utf-8")
    weights = folder / str(tomllib.loads(entry).get("weights", "")) / "model.bin"
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"garbage" * 1000)
    monkeypatch.setenv("STARLING_MODEL__NAME", "mine")
    return weights


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Yield a list; close the terminals that a test has added to it."""
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()
