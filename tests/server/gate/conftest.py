"""Fixtures of the gate's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.gate.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace on the disk with a gate before it, and a person who says yes to everything."""
    one = Bench(tmp_path)
    default = one.state
    yield one
    default.close()
    one.state.close()
