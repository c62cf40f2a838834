"""The log of actions: JSON lines in files of each process and day, without texts and secrets, within bounds."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.action_log import actions
from server.assembly.setting_sections import LogSettings
from server.assembly.watching import action_log
from server.assembly.watching.action_log import ActionFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = time.mktime((2026, 11, 28, 14, 30, 0, 0, 0, -1))
DAY_S = 24 * 3600.0
SECRET = "ghp_" + "Zx8kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6PsAbCdEf"


@pytest.fixture(autouse=True)
def own_logger() -> Iterator[None]:
    """Restore the logger of actions after the test."""
    handlers, propagates, level = list(actions.handlers), actions.propagate, actions.level
    actions.handlers = []
    yield
    for handler in actions.handlers:
        handler.close()
    actions.handlers, actions.propagate = handlers, propagates
    actions.setLevel(level)


def read(folder: Path) -> list[dict[str, Any]]:
    """Return all logged actions, by file."""
    lines = [line for path in sorted(folder.rglob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def log(handler: ActionFiles, what: str, **fields: object) -> None:
    """Log one action with a handler."""
    record = logging.makeLogRecord({"name": "x", "msg": what, "levelno": logging.INFO, "levelname": "INFO", **fields})
    handler.handle(record)


def test_an_action_is_one_json_object_in_a_file_of_this_process_and_day(tmp_path: Path) -> None:
    action_log.start(LogSettings(), tmp_path)
    actions.info("call ended", extra={"session": "ab", "tool": "read_file", "seconds": 0.25, "workspace": ""})
    (line,) = read(tmp_path)
    at = line.pop("at")
    assert at.endswith("+00:00")
    assert line == {
        "level": "info", "event": "call ended", "session": "ab", "tool": "read_file", "seconds": 0.25,
        "process": os.getpid(),
    }  # fmt: skip
    (path,) = (tmp_path / action_log.FOLDER).iterdir()
    assert path.name == f"{time.strftime('%Y-%m-%d')}-{os.getpid()}.jsonl"
    if os.name != "nt":
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("texts", [False, True])
def test_texts_are_logged_only_where_the_person_wants_it_and_secrets_never(tmp_path: Path, *, texts: bool) -> None:
    action_log.start(LogSettings(texts=texts), tmp_path)
    fields = {"result_text": f"x = 1\ntoken = '{SECRET}'", "tool": f"a {SECRET}"}
    actions.info("call ended %s", SECRET, extra=fields)
    (line,) = read(tmp_path)
    assert ("result_text" in line) is texts
    assert SECRET not in json.dumps(line)
    assert line["tool"] == "a …"


@pytest.mark.parametrize("settings", [LogSettings(file=False), LogSettings(actions=False)])
def test_no_file_is_written_where_the_person_wants_none(tmp_path: Path, settings: LogSettings) -> None:
    action_log.start(settings, tmp_path)
    actions.info("turn began")
    assert read(tmp_path) == []
    assert not (tmp_path / action_log.FOLDER).exists()


def test_starting_again_with_the_same_settings_goes_on_with_the_file(tmp_path: Path) -> None:
    for settings in (LogSettings(), LogSettings(), LogSettings(texts=True)):
        action_log.start(settings, tmp_path)
        actions.info("turn began")
    assert len(actions.handlers) == 1
    assert len(list((tmp_path / action_log.FOLDER).iterdir())) == 2
    assert len(read(tmp_path)) == 3


def test_old_days_go_and_the_oldest_files_beyond_the_size(tmp_path: Path) -> None:
    folder = tmp_path / "actions"
    folder.mkdir()
    for days, size in ((8, 10), (3, 60_000), (2, 20_000), (1, 20_000)):
        old = folder / f"old-{days}.jsonl"
        old.write_bytes(b"x" * size)
        os.utime(old, (NOW - days * DAY_S,) * 2)
    (folder / "notes.txt").write_text("of a person")
    handler = ActionFiles(LogSettings(actions_bytes=100_000), folder, lambda: NOW)
    log(handler, "turn began")
    handler.close()
    assert {path.name for path in folder.iterdir()} == {
        "old-1.jsonl", "old-2.jsonl", "notes.txt", f"2026-11-28-{os.getpid()}.jsonl",
    }  # fmt: skip


def test_a_day_and_a_full_file_end_a_file(tmp_path: Path) -> None:
    now = NOW
    handler = ActionFiles(LogSettings(actions_bytes=100_000), tmp_path / "actions", lambda: now)
    for number in range(200):
        log(handler, "note", number=number, detail="x" * 100)
    now += DAY_S
    log(handler, "turn began")
    handler.close()
    files = sorted((tmp_path / "actions").iterdir())
    assert all(path.stat().st_size <= 10_000 for path in files)
    assert len(files) > 3
    assert files[-1].name == f"2026-11-29-{os.getpid()}.jsonl"
    assert len(read(tmp_path)) == 201


def test_many_processes_write_whole_lines_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agents.ports.action_log import actions\n"
        "from server.assembly.setting_sections import LogSettings; from server.assembly.watching import action_log\n"
        "action_log.start(LogSettings(actions_bytes=1_000_000), Path(sys.argv[1]))\n"
        "for number in range(300): actions.info('note', extra={'number': number, 'detail': 'y' * 200})\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [one.wait() for one in running] == [0] * 2
    lines = read(tmp_path)
    assert len(lines) == 600
    assert len({one["process"] for one in lines}) == 2


def test_a_folder_that_is_taken_away_is_made_again(tmp_path: Path) -> None:
    handler = ActionFiles(LogSettings(), tmp_path / "actions", lambda: NOW)
    log(handler, "one")
    (tmp_path / "actions").rename(tmp_path / "elsewhere")
    log(handler, "two")
    handler.close()
    assert [one["event"] for one in read(tmp_path / "actions")] == ["two"]


def test_what_cannot_be_written_is_said_once_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    handler = ActionFiles(LogSettings(), tmp_path / "file" / "actions", lambda: NOW)
    for _ in range(3):
        log(handler, "turn began")
    handler.close()
    assert caplog.text.count("actions are not logged") == 1
