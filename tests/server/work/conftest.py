"""A repository with a commit, which tasks work in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a commit, and with changes that are not committed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "src" / "area.py").write_text("PI = 3.14\n")
    (folder / "gone.py").write_text("x = 1\n")
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "-q", "-m", "first")
    (folder / "src" / "area.py").write_text("PI = 3.14  # not committed\n")
    (folder / "staged.py").write_text("y = 2\n")
    run_git(folder, "add", "staged.py")
    return folder
