from __future__ import annotations

import sys
from pathlib import Path

import pytest

WAIT_S = 300  # an editor and a server start in each test, on whatever machine


@pytest.fixture(scope="session")
def starling_on_path() -> str:
    """The folder of the installed `starling`, to be put first on PATH."""
    folder = Path(sys.executable).parent
    assert (folder / "starling").exists(), "Starling is not installed beside this Python: `make test-editors` does that"
    return str(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(WAIT_S))
