from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.editors.shop import SHOP
from tests.marked import parse

TIMEOUT_S = 300  # each test starts an editor and a server, also on slow machines


@pytest.fixture(scope="session")
def starling_on_path() -> str:
    """Return the folder of the installed `starling`, to be put first on PATH."""
    folder = Path(sys.executable).parent
    assert (folder / "starling").exists(), "Starling is not installed beside this Python: `make test-editors` does that"
    return str(folder)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write the workspace `SHOP` and return its folder."""
    return parse(SHOP).write(tmp_path / "shop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT_S))
