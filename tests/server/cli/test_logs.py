"""`starling logs`: the newest actions that fit, from the files of several processes."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from server.assembly.watching import action_log
from server.assembly.watching.action_reader import LONGEST_LINE, Wanted, read_actions
from server.cli import run
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600.0


@pytest.fixture
def folder() -> Path:
    """Return the folder of the log, with nothing in it."""
    found = paths.log_dir() / action_log.FOLDER
    found.mkdir(parents=True)
    return found


def write(folder: Path, name: str, *actions: dict[str, Any]) -> Path:
    """Write a file with actions, whose `ago` are hours before now; it was last changed with the last of them."""
    now, lines, changed = time.time(), [], 0.0
    for one in actions:
        changed = now - one["ago"] * HOUR_S
        at = dt.datetime.fromtimestamp(changed, dt.UTC).isoformat(timespec="milliseconds")
        lines.append(json.dumps({"at": at, "level": "info", **{k: v for k, v in one.items() if k != "ago"}}))
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    os.utime(path, (changed, changed))
    return path


def write_two(folder: Path) -> None:
    """Write the files of two processes that worked at the same time."""
    write(
        folder, "2026-11-28-1.jsonl",
        {"ago": 30, "event": "turn began", "session": "aa01"},
        {"ago": 3, "event": "call ended", "session": "aa01", "agent": "coder", "tool": "read_file", "outcome": "done",
         "seconds": 0.25},
        {"ago": 1, "event": "turn ended", "session": "aa01", "agent": "coder", "outcome": "done"},
    )  # fmt: skip
    write(
        folder, "2026-11-28-2.jsonl",
        {"ago": 4, "event": "call began", "session": "bb02", "tool": "grep"},
        {"ago": 2, "event": "call ended", "session": "bb02", "tool": "grep", "outcome": "failed"},
    )  # fmt: skip


def list_events(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """Return event and session of each action that the command writes as JSON."""
    capsys.readouterr()
    assert run(["logs", "--json", *options]) == 0
    return [f"{one['event']} {one['session']}" for one in json.loads(capsys.readouterr().out)["actions"]]


def test_actions_of_all_processes_are_shown_in_the_order_of_time(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_two(folder)
    everything = ["turn began aa01", "call began bb02", "call ended aa01", "call ended bb02", "turn ended aa01"]
    assert list_events(capsys) == everything
    assert run(["logs"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in shown[1:]] == ["aa01", "bb02", "aa01", "bb02", "aa01"]
    assert shown[3].split()[3:] == ["call", "ended", "coder", "read_file", "done", "0.250"]


@pytest.mark.parametrize(
    ("options", "events"),
    [
        (("--session", "aa"), ["turn began aa01", "call ended aa01", "turn ended aa01"]),
        (("--task", "bb02"), ["call began bb02", "call ended bb02"]),
        (("--kind", "call ended"), ["call ended aa01", "call ended bb02"]),
        (("--kind", "turn", "--kind", "call began"), ["turn began aa01", "call began bb02", "turn ended aa01"]),
        (("--kind", "cal"), []),
        (("--since", "150m"), ["call ended bb02", "turn ended aa01"]),
        (("--since", "150m", "--task", "aa01", "--kind", "turn"), ["turn ended aa01"]),
        (("--since", "2000-01-01", "--limit", "2"), ["call ended bb02", "turn ended aa01"]),
    ],
)
def test_actions_are_selected_by_session_kind_and_time(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], events: list[str]
) -> None:
    write_two(folder)
    assert list_events(capsys, *options) == events


def test_what_the_limit_leaves_out_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_two(folder)
    assert run(["logs", "--limit", "4"]) == 0
    assert "older actions are left out" in capsys.readouterr().err
    assert run(["logs", "--limit", "5"]) == 0
    assert capsys.readouterr().err == ""


def test_lines_that_are_no_actions_are_counted_and_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder, "2026-11-28-1.jsonl", {"ago": 1, "event": "turn began", "session": "aa01"})
    with path.open("a") as file:
        file.write("no JSON\n[1]\n" + "[" * 5000 + '\n{"event": 1}\n' + "x" * (2 * LONGEST_LINE) + "\n")
    (folder / "2026-11-28-2.jsonl").mkdir()
    assert run(["logs"]) == 0
    told = capsys.readouterr()
    assert "turn began" in told.out
    assert "5 lines of the log cannot be read." in told.err


def test_files_older_than_what_is_wanted_are_not_read(folder: Path) -> None:
    write_two(folder)
    old = write(folder, "2026-11-20-1.jsonl", {"ago": 200, "event": "turn began", "session": "aa01"})
    changed = old.stat().st_mtime
    old.write_text("damaged\n")
    os.utime(old, (changed, changed))
    assert read_actions(folder, Wanted(since=time.time() - 100 * HOUR_S)).unreadable == 0
    assert read_actions(folder, Wanted()).unreadable == 1


def test_an_empty_log_and_a_wrong_time_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["logs"]) == 0
    assert capsys.readouterr().out.strip() == "No action in the log fits."
    monkeypatch.setenv("STARLING_LOG__ACTIONS", "false")
    assert run(["logs"]) == 0
    assert "`log.actions` is off" in capsys.readouterr().out
    assert run(["logs", "--since", "yesterday"]) == 2
    assert "yesterday is no time; write 30m, 2h, 3d" in capsys.readouterr().err
