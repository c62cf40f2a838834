"""Fixtures of the team's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agents.team.bench import TeamBench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> TeamBench:
    """Return an empty workspace in a folder of its own."""
    root = tmp_path / "workspace"
    root.mkdir()
    return TeamBench(root)
