"""The database that the stores are tested on: a new file for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.state.database import FILE, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Give an empty database, and close it."""
    opened = State(tmp_path / FILE)
    yield opened
    opened.close()


@pytest.fixture
def other(state: State) -> Iterator[State]:
    """Give a second connection to the database of `state`, as another process has it."""
    opened = State(state.path)
    yield opened
    opened.close()
