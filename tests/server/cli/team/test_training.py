"""`starling sessions training`: approved edits and praised answers, only with consent, without secrets."""

from __future__ import annotations

import json
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.feedback import Thumb
from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import open_state
from server.cli import run
from server.state.feedback_store import FeedbackStore
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "ghp_Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsAbCd"
EDIT = {
    "path": "area.py",
    "replacements": [{"old": "3.14", "new": "3.1416"}],
    "why": f"It is exact; the key is {KEY}.",
}
SCRIPT = f"===\n@times 1\n@call edit_file {json.dumps(EDIT)}\n===\nDone, it is 3.1416.\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a workspace, with the scripted endpoint as the person's chat model."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / ".env").write_text("SHOP_PASSWORD=Regen-Birke-417!\n")
    (root / "area.py").write_text(f'KEY = "{KEY}"\nPI = 3.14\nNOTE = "Regen-Birke-417!"\n')
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_TEAM__TRAINING", "true")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield root


@pytest.fixture
def export(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that exports into a new file, and returns its lines; [] if there was nothing to export."""
    numbers = iter(range(99))

    def run_export() -> list[dict[str, Any]]:
        file = tmp_path / f"training-{next(numbers)}.jsonl"
        capsys.readouterr()
        status = run(["sessions", "training", str(file), "-w", str(workspace)])
        if status:
            assert "There is no approved edit" in capsys.readouterr().err
            assert not file.exists()
            return []
        if os.name != "nt":
            assert file.stat().st_mode & 0o777 == 0o600
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    return run_export


def give(thumb: Thumb, workspace: Path, number: int) -> None:
    """Give a thumb to an entry of the only session."""
    with closing(open_state()) as state:
        (session,) = SessionStore(state).list_newest(workspace.as_uri(), 10)
        assert FeedbackStore(state).give(session.id, number, thumb)


def test_an_approved_edit_is_exported_with_request_reason_and_diff_and_without_secrets(
    workspace: Path, export: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--yes", "edit", "-w", str(workspace), "@coder", "Use a better PI than Regen-Birke-417!"]) == 0
    (line,) = export()
    assert (line["kind"], line["role"]) == ("edit", "coder")
    assert line["request"] == "@coder Use a better PI than [secret]"
    assert "+PI = 3.1416" in line["diff"]
    assert line["why"].startswith("It is exact; the key is")
    written = json.dumps(line)
    assert KEY not in written
    assert "Regen-Birke" not in written
    assert "1 edit and 0 answers are in" in capsys.readouterr().err


def test_an_edit_that_was_rejected_is_left_out(workspace: Path, export: Callable[[], list[dict[str, Any]]]) -> None:
    assert run(["do", "-w", str(workspace), "@coder", "Use a better PI"]) == 0
    assert export() == []


def test_an_edit_that_was_undone_is_left_out(workspace: Path, export: Callable[[], list[dict[str, Any]]]) -> None:
    assert run(["do", "--yes", "edit", "-w", str(workspace), "@coder", "Use a better PI"]) == 0
    assert len(export()) == 1
    assert run(["undo", "--yes", "edit", "-w", str(workspace)]) == 0
    assert export() == []


def test_a_thumb_down_removes_a_turn_and_a_thumb_up_adds_its_answer(
    workspace: Path, export: Callable[[], list[dict[str, Any]]]
) -> None:
    assert run(["do", "--yes", "edit", "-w", str(workspace), "@coder", "Use a better PI"]) == 0
    with closing(open_state()) as state:
        store = SessionStore(state)
        (session,) = store.list_newest(workspace.as_uri(), 10)
        answer = next(one.number for one in store.read(session.id) if one.text == "Done, it is 3.1416.")
    give(Thumb.UP, workspace, answer)
    assert [(one["kind"], one.get("answer")) for one in export()] == [
        ("edit", None), ("answer", "Done, it is 3.1416."),
    ]  # fmt: skip
    give(Thumb.DOWN, workspace, answer)
    assert export() == []


def test_nothing_is_exported_without_consent_and_no_file_is_overwritten(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--yes", "edit", "-w", str(workspace), "@coder", "Use a better PI"]) == 0
    file = tmp_path / "mine.jsonl"
    file.write_text("mine")
    capsys.readouterr()
    assert run(["sessions", "training", str(file), "-w", str(workspace)]) == 1
    assert "exists already; name a new file" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert run(["sessions", "training", str(tmp_path / "missing" / "a.jsonl"), "-w", str(workspace)]) == 1
    assert "cannot be written" in capsys.readouterr().err
    monkeypatch.delenv("STARLING_TEAM__TRAINING")
    (workspace / ".starling.toml").write_text("[team]\ntraining = true\n")
    assert run(["sessions", "training", str(tmp_path / "new.jsonl"), "-w", str(workspace)]) == 1
    assert "until you allow it" in capsys.readouterr().err
    assert not (tmp_path / "new.jsonl").exists()
