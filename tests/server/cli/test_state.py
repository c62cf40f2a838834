"""`starling state`: a backup of the whole state, and its way back."""

from __future__ import annotations

import stat
from contextlib import closing
from typing import TYPE_CHECKING

from server.assembly.databases.choice import open_state
from server.cli.app import run_command
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PLACE = "file:///shop"


def list_titles() -> list[str]:
    """Return the titles of the sessions in the state."""
    with closing(open_state()) as state:
        return [one.title for one in SessionStore(state).list_newest(PLACE, 9)]


def create(title: str) -> None:
    """Create a session."""
    with closing(open_state()) as state:
        SessionStore(state).create(PLACE, title=title)


def test_a_backup_is_written_for_its_user_alone_and_read_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    create("first")
    file = tmp_path / "backup"
    assert run_command(["state", "export", str(file)]) == 0
    assert "1 row of 1 table" in capfd.readouterr().err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    create("second")
    assert run_command(["state", "import", str(file)]) == 1
    assert "not empty" in capfd.readouterr().err
    assert sorted(list_titles()) == ["first", "second"]
    assert run_command(["state", "import", "--replace", str(file)]) == 0
    assert list_titles() == ["first"]


def test_an_old_file_is_not_overwritten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "backup"
    file.write_text("mine")
    assert run_command(["state", "export", str(file)]) == 1
    assert "exists already" in capfd.readouterr().err
    assert file.read_text() == "mine"


def test_an_export_that_fails_leaves_no_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    monkeypatch.setenv("STARLING_STATE__DATABASE", "postgresql://x@127.0.0.1:1/y")
    assert run_command(["state", "export", str(file)]) == 1
    assert "PostgreSQL" in capfd.readouterr().err
    assert not file.exists()
    assert run_command(["state", "export", str(tmp_path / "absent" / "backup")]) == 1
    assert "cannot be written" in capfd.readouterr().err


def test_what_is_no_backup_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    create("first")
    file = tmp_path / "backup"
    for said in ("cannot be read", "cut off or changed"):
        assert run_command(["state", "import", "--replace", str(file)]) == 1
        assert said in capfd.readouterr().err
        file.write_text("something")
    assert list_titles() == ["first"]
