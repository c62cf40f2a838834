"""Fixtures of the tests of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.state.database import FILE, State
from tests.server.deployment.deploying import Deploying
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Give an empty database, and close it."""
    opened = make_state(tmp_path / FILE)
    yield opened
    opened.close()


@pytest.fixture
def deploying(tmp_path: Path, state: State) -> Deploying:
    """Return a repository with one commit."""
    return Deploying(tmp_path / "workspace", state)
