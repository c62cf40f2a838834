"""Tests see nothing of the setup of the person who runs them, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from server.state import paths
from tests import surroundings
from tests.tidy.tree import ROOT

OURS = {
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "GIT_CONFIG_NOSYSTEM",
    "STARLING_RESIDENT",
}
INNER = "guest"  # the tests that are also run with a person's odd setup around them


def test_a_guest_finds_every_folder_in_surroundings_of_its_own(own_surroundings: Path) -> None:
    folders = {
        "home": Path.home(),
        "cache": paths.cache_dir(),
        "state": paths.state_dir(),
        "config": paths.config_dir(),
        "log": paths.log_dir(),
        "run": paths.run_dir(),
        "shared": paths.temporary_dir(),
        "temporary": Path(tempfile.gettempdir()),
    }
    assert [name for name, folder in folders.items() if not folder.is_relative_to(own_surroundings)] == []


@pytest.mark.parametrize("turn", [1, 2])
def test_a_guest_sees_nothing_of_the_test_before(turn: int) -> None:
    settings = paths.settings_file()
    assert not settings.exists()
    settings.parent.mkdir(parents=True)
    settings.write_text(f"# {turn}\n", encoding="utf-8")


def test_a_guest_sees_no_variable_of_a_persons_setup() -> None:
    assert [name for name in os.environ if surroundings.PERSONAL.fullmatch(name) and name not in OURS] == []


def test_a_child_of_a_guest_sees_the_same(own_surroundings: Path) -> None:
    code = "from server.state.paths import *; print(settings_file(), run_dir(), temporary_dir(), sep='\\n')"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in output.splitlines() if not Path(line).is_relative_to(own_surroundings)] == []


def test_bytecode_is_kept_for_a_guest_and_its_children() -> None:
    code = "import sys; print(sys.dont_write_bytecode)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert (sys.dont_write_bytecode, output.strip()) == (False, "False")


def test_a_persons_setup_changes_nothing_and_is_left_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "person"
    settings = home / ".config" / "starling" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[model]\nname = "no-such-model"\nhost = "always"\n[chat\n', encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "HOME": str(home),
        "STARLING_MODEL__NAME": "no-such-model",
        "STARLING_REVIEW__ENABLED": "perhaps",
        "XDG_CONFIG_HOME": str(home / ".config"),
        "OPENAI_API_KEY": "sk-person",
        "HTTPS_PROXY": "http://proxy.invalid:1",
        "GIT_DIR": str(home / "nowhere"),
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    before = _read_tree(home)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", INNER, __file__]
    inner = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert inner.returncode == 0, inner.stdout + inner.stderr
    assert "6 passed" in inner.stdout
    assert _read_tree(home) == before


def _read_tree(folder: Path) -> dict[str, bytes | None]:
    """Return the content of each file below `folder`, by path; None for a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
