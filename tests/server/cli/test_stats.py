"""`starling stats`: what the team did, after real turns of a scripted model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from server.assembly.watching.summaries import sum_all, sum_days, sum_roles
from server.cli import run
from server.state import paths
from server.state.watching.metrics_store import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = """
===
@times 1
@call read_file {"path": "area.py"}
===
It is 3.14.
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a workspace, with the scripted endpoint as the person's chat model."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "area.py").write_text("PI = 3.14  # a private number\n")
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield root


def test_a_turn_is_shown_with_its_calls_and_models_and_logged_without_code(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["stats"]) == 0
    assert "No agent has worked in the last 30 days." in capsys.readouterr().out
    assert run(["ask", "-w", str(workspace), "@ask what is PI?"]) == 0
    assert run(["ask", "-w", str(workspace), "@nobody what is PI?"]) == 1
    capsys.readouterr()
    assert run(["stats", "--json", "--days", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    total = told["total"]
    assert (total["turns"], total["turns_failed"], total["calls"], total["answers"]) == (2, 1, 1, 2)
    assert total["success"] is None
    assert [(one["role"], one["model"], one["answers"]) for one in told["roles"]] == [("ask", "scripted", 2)]
    assert total["prompt_tokens"] == told["roles"][0]["prompt_tokens"] == told["days"][0]["prompt_tokens"] > 0
    assert run(["stats"]) == 0
    shown = capsys.readouterr().out
    assert "2 requests" in shown
    assert "scripted" in shown
    (log,) = (paths.log_dir() / "actions").glob("*.jsonl")
    lines = log.read_text("utf-8")
    assert [json.loads(line)["event"] for line in lines.splitlines()][:4] == [
        "turn began", "agent chosen", "model asked", "call began",
    ]  # fmt: skip
    assert "private" not in lines
    assert "3.14" not in lines


def test_figures_are_summed_by_day_and_by_role_and_model() -> None:
    metrics = (
        Metric("2026-11-27", "task", "coder", "", "done", 3, 30.0),
        Metric("2026-11-28", "task", "coder", "", "failed", 1, 5.0),
        Metric("2026-11-28", "task", "coder", "", "again", 2, 5.0),
        Metric("2026-11-28", "turn", "coder", "", "limit", 2, 4.0),
        Metric("2026-11-28", "turn", "coder", "", "failed", 1, 1.0),
        Metric("2026-11-28", "call", "coder", "read_file", "failed", 2),
        Metric("2026-11-28", "step", "tdd", "code", "done", 9),
        Metric("2026-11-28", "model", "coder", "m", "done", 4, 1.0, 400, 40, 0.5),
        Metric("2026-11-28", "model", "coder", "m", "timeout", 1),
        Metric("2026-11-28", "model", "tester", "m", "done", 1, 1.0, 500, 5, 0.25),
        Metric("2026-11-28", "approval", "", "write_file", "yes", 3),
        Metric("2026-11-28", "approval", "", "execute_command", "no", 2),
        Metric("2026-11-28", "approval", "", "execute_command", "none", 1),
    )
    newest, oldest = sum_days(metrics)
    assert (newest.day, oldest.day) == ("2026-11-28", "2026-11-27")
    assert (newest.tasks_done, newest.tasks_failed, newest.task_seconds, newest.success_rate) == (0, 1, 10.0, 0.0)
    assert (newest.turns, newest.turns_failed, newest.turns_stopped, newest.turn_seconds) == (3, 1, 2, 5.0)
    assert (newest.calls, newest.calls_failed, newest.answers, newest.failures) == (2, 2, 5, 1)
    assert (newest.prompt_tokens, newest.answer_tokens, newest.cost) == (900, 45, 0.75)
    assert (newest.approvals_asked, newest.approvals_yes, newest.approvals_no, oldest.approvals_asked) == (6, 3, 2, 0)
    assert sum_all(metrics).success_rate == 0.75
    assert [(one.role, one.answers, one.failures, one.cost) for one in sum_roles(metrics)] == [
        ("tester", 1, 0, 0.25), ("coder", 4, 1, 0.5),
    ]  # fmt: skip
