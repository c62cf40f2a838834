"""The team of agents without a model's time: the loop, the way of the first text, the memory of an idle session.

A scripted model reads lines of a small file, in a session as people have it: recorded in the state database, with the
gate and every tool. Start at `measure_step`, `measure_first_text` and `measure_idle_session`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.client import Client
from benchmarks.record import Record, compute_percentile, summarize
from models.scripted.scripted_server import ScriptedServer

STEPS = 200
REQUESTS = 40
SCRIPT = """
=== Choose who of a team
{"role": "ask"}
===
It adds two numbers.
"""
SESSIONS = 200
MIB = 2**20


def measure_step() -> Record:
    """Measure the time from an answer of the model that calls a tool to the next request to it."""
    took: list[float] = _run_program("steps", STEPS)
    return Record(
        what="a step of the team without the model: its answer, one read of a small file, the next request, median",
        unit="ms",
        value=compute_percentile(took, 50),
        n=len(took),
        most=15.0,
        details={"ours": summarize(took), "last_ten_p50": compute_percentile(took[-10:], 50)},
    )


def measure_first_text() -> Record:
    """Measure the time from `starling.ask` to the first text on the wire, with an endpoint that answers at once.

    The endpoint is asked twice: to choose the role, and for the answer.
    """
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(SCRIPT) as endpoint:
        workspace = Path(folder, "workspace")
        workspace.mkdir()
        (workspace / "small.py").write_text("def add(a, b):\n    return a + b\n", encoding="utf-8")
        environment = {
            **servers.make_environment(Path(folder, "home")),
            "STARLING_MODEL__ENABLED": "false",
            "STARLING_CHAT__URL": f"{endpoint.url}/v1",
            "STARLING_CHAT__MODEL": "scripted",
        }
        with Client(servers.make_starling_command("serve"), environment=environment, folder=workspace) as client:
            client.initialize(workspace)
            servers.wait_for_index(client)
            took = [_time_first_text(client, f"first text {number}") for number in range(REQUESTS)]
    return Record(
        what="a request to the team to the first text on the wire, the choice of a role included, the model at once",
        unit="ms",
        value=compute_percentile(took[1:], 50),
        n=len(took) - 1,
        most=500.0,
        details={"ours": summarize(took[1:]), "first": took[0]},
    )


def _time_first_text(client: Client, token: str) -> float:
    """Return the milliseconds from a request in a new session to its first text; exit if there is no text.

    `token` is a text that no other request has: it is the progress token, and a part of the question.
    """
    given = {"request": f"What does add do? ({token})", "partial_token": token}
    asked = client.request("workspace/executeCommand", {"command": "starling.ask", "arguments": [given]})
    result = asked.wait()
    if result["status"] != "done":
        raise SystemExit(f"the turn did not end as scripted: {result['text']}")
    for arrived, method, params in client.notifications:
        if method == "$/progress" and params["token"] == token and params["value"].get("kind") == "text":
            return (arrived - asked.sent_s) * 1000
    raise SystemExit("no text was streamed")


def measure_idle_session() -> Record:
    """Measure the memory that a session holds after a turn, as the growth of a process with many of them."""
    grown: int = _run_program("idle", SESSIONS)
    return Record(
        what="memory of an idle session after a turn of five reads, the mean of many in one process",
        unit="MiB",
        value=grown / MIB / SESSIONS,
        n=SESSIONS,
        most=2.0,
        details={"all_sessions": grown / MIB},
    )


def _run_program(*arguments: str | int) -> Any:  # noqa: ANN401 - JSON
    """Run `benchmarks.team_turns` with a home of its own; return what it printed."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.team_turns", *map(str, arguments)],
            cwd=servers.REPOSITORY,
            env=servers.make_environment(Path(home)),
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(done.stdout)
