from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_starling_home_holds_everything(home: Path) -> None:
    places = [paths.cache_dir(), paths.state_dir(), paths.config_dir(), paths.log_dir(), paths.index_dir()]
    places += [paths.models_dir(), paths.settings_file()]
    assert all(place.is_relative_to(home) for place in places)
    assert len(set(places)) == len(places)


def test_asking_where_creates_nothing(home: Path) -> None:
    paths.index_dir()
    paths.settings_file()
    assert not home.exists()


def test_without_starling_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STARLING_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "starling" in str(paths.cache_dir())
    assert paths.cache_dir() != paths.config_dir()


def test_worktrees_lie_in_no_folder_of_state_or_settings_where_these_are_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert paths.worktrees_dir() == home / "data" / "worktrees"
    monkeypatch.setattr(paths, "_locate", lambda *_: tmp_path / "Application Support" / "starling")
    assert paths.worktrees_dir() == tmp_path / "Application Support" / "starling-worktrees"


def test_a_writable_directory_is_made_for_this_user_alone(home: Path) -> None:
    made = paths.ensure_writable(paths.index_dir())
    assert made == paths.WritableFolder(home / "cache" / "index")
    assert paths.index_dir().is_dir()
    assert paths.index_dir().stat().st_mode & 0o077 == 0
    assert list(paths.index_dir().iterdir()) == []


def test_an_unwritable_directory_gets_a_substitute_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    made = paths.ensure_writable(tmp_path / "file" / "index")
    assert made.path is not None
    assert made.path.is_relative_to(tmp_path / "temporary")
    assert str(tmp_path / "file" / "index") in made.problem
    assert "STARLING_HOME" in made.problem


def test_a_substitute_that_someone_planted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    shared = tmp_path / "temporary"
    shared.mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    first = paths.ensure_writable(tmp_path / "file" / "index").path
    assert first is not None
    first.rmdir()
    first.parent.rmdir()
    first.parent.symlink_to(tmp_path / "elsewhere")
    made = paths.ensure_writable(tmp_path / "file" / "index")
    assert made.path is None
    assert "belongs to someone else" in made.problem


def test_without_any_place_the_problem_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    made = paths.ensure_writable(tmp_path / "file" / "index")
    assert made.path is None
    assert "Neither" in made.problem
    assert "STARLING_HOME" in made.problem
