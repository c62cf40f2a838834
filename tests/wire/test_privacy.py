"""Files that a session or a command leaves behind are for its user alone, whatever the umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_lsp import make_test_lsp_client

from tests.wire.conftest import PROGRAM, Session, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXABLE = "import os\n\n\ndef area(radius: float) -> float:\n    return 3.14 * radius * radius\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Set a umask that keeps all permissions; yield an environment whose folders all lie below a new home."""
    place = tmp_path / "home"
    place.mkdir(mode=0o700)
    (place / "tmp").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "STARLING_"))}
    before = os.umask(0)
    yield {**kept, "HOME": str(place), "TMPDIR": str(place / "tmp")}
    os.umask(before)


def list_open_to_others(home: Path) -> list[str]:
    """Return the files and folders below `home` that others may access, each with its mode."""
    return sorted(
        f"{path.relative_to(home)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in home.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    )


def list_names(home: Path) -> set[str]:
    """Return the names of all files and folders below `home`."""
    return {path.name for path in home.rglob("*")}


async def test_nothing_that_a_session_leaves_behind_is_open_to_others(tmp_path: Path, home: dict[str, str]) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    client = make_test_lsp_client()
    await client.start_io(PROGRAM[0], *PROGRAM[1:], env=home, cwd=workspace, limit=1 << 27)
    session = Session(client, workspace, Path(home["HOME"]))
    try:
        session.write("area.py", FIXABLE)
        await session.initialize()
        await session.wait_for_index(1)
        uri = session.open((workspace / "area.py").as_uri(), FIXABLE)
        await session.list_suggestions(uri, 4, 4)
        await session.execute("starling.review", uri=uri)
        await session.shut_down()
    finally:
        await wait_for(client.stop())
    assert list_names(session.home) >= {"index", "starling.log"}
    assert list_open_to_others(Path(home["HOME"])) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("index",),
        ("review", "--fix", "--yes", "edit", "area.py"),
        ("doctor",),
        ("models", "use", "completion", "starling-mini"),
        ("models", "serve", "--idle", "0.3"),
    ],
)
def test_nothing_that_a_command_leaves_behind_is_open_to_others(
    tmp_path: Path, home: dict[str, str], arguments: tuple[str, ...]
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "area.py").write_text(FIXABLE)
    command = [sys.executable, PROGRAM[1], *arguments]
    done = subprocess.run(command, cwd=workspace, env=home, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert len(list(Path(home["HOME"]).rglob("*"))) > 2, done.stderr
    assert arguments[0] != "review" or "import os" not in (workspace / "area.py").read_text()
    assert list_open_to_others(Path(home["HOME"])) == []
