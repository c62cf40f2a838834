"""The database that the stores are tested on: a new file for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.state.database import FILE, State
from tests.states import make_state, point_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program use PostgreSQL, too, where tests do."""
    point_program(monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Give an empty database, and close it."""
    opened = make_state(tmp_path / FILE)
    yield opened
    opened.close()


@pytest.fixture
def other(state: State) -> Iterator[State]:
    """Give a second connection to the database of `state`, as another process has it."""
    opened = make_state(state.path)
    yield opened
    opened.close()
