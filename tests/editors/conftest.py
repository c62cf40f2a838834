from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.shop import SHOP
from tests.editors.vscode import INSTALLED, REPOSITORY, Workbench
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Open = Callable[..., Workbench]

NO_MODEL = {"STARLING_MODEL__ENABLED": "false"}
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


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the extension, and return the folder of installed extensions."""
    package = Path(os.environ.get("VSIX", REPOSITORY / "dist" / "starling.vsix"))
    assert package.exists(), "The extension is not built: `make test-vscode` does that"
    folder = tmp_path_factory.mktemp("extensions")
    installing = [str(INSTALLED / "install"), str(package), str(tmp_path_factory.mktemp("data")), str(folder)]
    subprocess.run(installing, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def open_folder(tmp_path: Path, extensions: Path, starling_on_path: str) -> Iterator[Open]:
    """Yield a function that opens a folder in a workbench, and waits until Starling is ready there."""
    with ExitStack() as running:

        def start(folder: Path, **given: Any) -> Workbench:
            given.setdefault("path", starling_on_path)
            given.setdefault("environment", NO_MODEL)
            workbench = running.enter_context(Workbench.start(folder, tmp_path / "home", extensions, **given))
            workbench.wait_until("Starling to be ready", lambda: "ready" in workbench.read_status())
            return workbench

        yield start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT_S))
