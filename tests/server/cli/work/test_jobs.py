"""`starling jobs`, and the background jobs of `starling work --watch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from server.cli import run

ROOT = Path(__file__).resolve().parents[4]


def read_jobs(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return the jobs by their names."""
    capsys.readouterr()
    assert run(["jobs", "--json"]) == 0
    return {one["name"]: one for one in json.loads(capsys.readouterr().out)["jobs"]}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for another process")
def test_jobs_are_listed_with_their_last_and_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "area.py").write_text("def area(r):\n    return 3.14 * r * r\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    before = read_jobs(capsys)
    assert [(one["last"], one["next"], one["running"]) for one in before.values()] == [(None, None, False)] * len(
        before
    )
    code = "import sys; from server.cli import run; sys.exit(run(['work', '--watch']))"
    chat = {"STARLING_CHAT__URL": "http://127.0.0.1:9/v1", "STARLING_CHAT__MODEL": "none"}  # there is no task to do
    environment = {**os.environ, **chat, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as worker:
        after = before
        while not all(after[name]["last"] for name in ("reindex", "health")):
            assert worker.poll() is None
            after = read_jobs(capsys)
            time.sleep(0.2)
        worker.send_signal(signal.SIGTERM)
        assert "0 tasks done." in worker.communicate(timeout=60)[1]
    assert worker.returncode == 0
    assert after["reindex"]["outcome"] == "Files in the index: 1."
    assert after["health"]["outcome"] == "Everything is well."
    assert (after["autopilot"]["interval_s"], after["autopilot"]["last"]) == (0, None)  # it is off by default
    for one in (after["reindex"], after["health"]):
        assert one["interval_s"] <= one["next"] - one["last"] <= one["interval_s"] * 1.1 + 1
    monkeypatch.setenv("STARLING_SCHEDULE__HEALTH_HOURS", "0")
    assert (read_jobs(capsys)["health"]["interval_s"], read_jobs(capsys)["health"]["next"]) == (0, None)
    capsys.readouterr()
    assert run(["jobs"]) == 0
    assert "off" in capsys.readouterr().out
