"""Fixtures of the tests of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.state.session_store import SessionStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SessionStore]:
    """Yield a store of sessions in a database of its own."""
    state = make_state(tmp_path / "state.sqlite3")
    yield SessionStore(state)
    state.close()


@pytest.fixture(autouse=True)
def git_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have git commit as Ann, without the configuration of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.org")
