"""The fixture `bench` of the gate's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.gate.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Yield a bench whose person says yes to everything; close its databases after the test."""
    one = Bench(tmp_path)
    default = one.state
    yield one
    default.close()
    one.state.close()
