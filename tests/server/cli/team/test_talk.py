"""`starling ask`, `do` and `sessions`, with a scripted endpoint."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import open_state
from server.cli import run
from server.state.lease_owners import name_owner
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

RAW = Path(__file__).parents[2] / "mcp_client" / "raw_server.py"
EDIT = {
    "path": "area.py",
    "replacements": [
        {"old": "def area(r):\n    return 3.14", "new": "import math\n\n\ndef area(r):\n    return math.pi"}
    ],
    "why": "It is exact.",
}
SCRIPT = """
=== Choose who of a team
{"role": "coder"}
===
@times 1
@call edit_file EDIT
===
It uses math.pi.
""".replace("EDIT", json.dumps(EDIT))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a workspace, with the scripted endpoint as the person's chat model."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "area.py").write_text("def area(r):\n    return 3.14 * r * r\n")
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield root


def test_do_changes_a_file_after_a_yes_and_keeps_the_session(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--json", "--yes", "edit", "-w", str(workspace), "use", "pi"]) == 0
    shown = capsys.readouterr()
    assert "starling: changed area.py; `starling undo` takes the last change back.\n" in shown.err
    made = json.loads(shown.out)
    assert (made["status"], made["text"]) == ("done", "It uses math.pi.")
    assert "math.pi" in (workspace / "area.py").read_text()
    assert run(["sessions", "-w", str(workspace), "--json"]) == 0
    (session,) = json.loads(capsys.readouterr().out)["sessions"]
    assert (session["id"], session["title"], session["state"]) == (made["session"], "use pi", "idle")
    assert run(["sessions", "export", session["id"][:6], "-w", str(workspace)]) == 0
    assert "called `edit_file`" in capsys.readouterr().out


def test_without_a_terminal_and_without_yes_nothing_is_written(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "-w", str(workspace), "use", "pi"]) == 0
    assert "math.pi" not in (workspace / "area.py").read_text()
    said = capsys.readouterr().err
    assert "no terminal to ask on" in said
    assert "starling: changed" not in said


def test_ask_only_reads(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "-w", str(workspace), "use", "pi"]) == 0
    assert "math.pi" not in (workspace / "area.py").read_text()
    assert "in plan mode agents only read" in capsys.readouterr().err


def test_a_rule_of_the_person_allows_an_edit_and_a_workspaces_rule_denies_it(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_TEAM__ALLOW", "edits path *.py")
    (workspace / ".starling.toml").write_text('[team]\ndeny = ["edits path area.py"]\n')
    assert run(["do", "-w", str(workspace), "use", "pi"]) == 0
    assert "math.pi" not in (workspace / "area.py").read_text()
    assert "A rule denies this call" in capsys.readouterr().err
    (workspace / ".starling.toml").unlink()


def test_a_rule_of_the_person_is_a_yes(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_TEAM__ALLOW", "edits path *.py")
    assert run(["do", "-w", str(workspace), "use", "pi"]) == 0
    assert "math.pi" in (workspace / "area.py").read_text()


def test_a_workspace_cannot_allow_anything(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / ".starling.toml").write_text('[team]\nallow = ["edits"]\n')
    assert run(["do", "-w", str(workspace), "use", "pi"]) == 0
    assert "math.pi" not in (workspace / "area.py").read_text()
    assert "cannot be set by a workspace" in capsys.readouterr().err


def interrupt_when_asked(server: ScriptedServer, requests: int) -> threading.Thread:
    """Return a started thread that sends this process Ctrl-C once `server` has got that many requests."""

    def interrupt() -> None:
        while len(server.requests) < requests:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.skipif(sys.platform == "win32", reason="no signal of this kind can be sent to one process")
@pytest.mark.parametrize("command", ["ask", "do"])
def test_a_start_that_is_interrupted_before_the_first_answer_leaves_no_session(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with ScriptedServer("===\n@hang\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        thread = interrupt_when_asked(server, 1)
        assert run([command, "-w", str(workspace), "@coder use pi"]) == 1
        thread.join()
    said = capsys.readouterr().err
    assert "Nothing was answered, so no session is kept." in said
    assert "To go on" not in said
    assert run(["sessions", "-w", str(workspace), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="as above")
def test_a_session_with_an_answer_survives_an_interrupted_request(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer("=== second\n@hang\n=== first\nHello.\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        assert run(["ask", "-w", str(workspace), "@ask first"]) == 0
        thread = interrupt_when_asked(server, len(server.requests) + 1)
        assert run(["ask", "--continue", "-w", str(workspace), "@ask second"]) == 1
        thread.join()
    assert "To go on: starling ask --session" in capsys.readouterr().err
    assert run(["sessions", "-w", str(workspace), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["sessions"]) == 1


def test_a_session_is_continued_renamed_and_deleted(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "--json", "-w", str(workspace), "@ask", "one"]) == 0
    first = json.loads(capsys.readouterr().out)["session"]
    assert run(["ask", "--json", "--continue", "-w", str(workspace), "@ask", "two"]) == 0
    assert json.loads(capsys.readouterr().out)["session"] == first
    assert run(["sessions", "rename", first[:8], "A new name", "-w", str(workspace)]) == 0
    assert run(["sessions", "-w", str(workspace), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"][0]["title"] == "A new name"
    assert run(["sessions", "delete", first[:8], "-w", str(workspace)]) == 0
    assert run(["ask", "--session", first, "-w", str(workspace), "three"]) == 1
    assert "There is no session" in capsys.readouterr().err


def test_a_session_that_another_process_drives_is_not_deleted(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = open_state()
    store = SessionStore(state)
    session = store.create(workspace.as_uri(), title="Look at it").id
    store.acquire(session, name_owner("zed"))
    said = []
    for command in (["ask", "--session", session, "more"], ["sessions", "delete", session]):
        assert run([*command, "-w", str(workspace)]) == 1
        said.append(capsys.readouterr().err)
    assert "'Look at it' is open in zed on " in said[0]
    assert said[0] in said[1]
    assert store.get(session) is not None
    state.close()


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_few_characters_of_an_id_delete_no_session(
    workspace: Path, capsys: pytest.CaptureFixture[str], length: int
) -> None:
    state = open_state()
    store = SessionStore(state)
    session = store.create(workspace.as_uri(), title="Look at it").id
    assert run(["sessions", "delete", session[:length], "-w", str(workspace)]) == 1
    assert "is too short to delete a session; give at least 4 characters" in capsys.readouterr().err
    assert store.get(session) is not None
    assert run(["sessions", "delete", session[:4], "-w", str(workspace)]) == 0
    assert store.get(session) is None
    state.close()


MCP_SCRIPT = """
=== Choose who of a team
{"role": "coder"}
===
@times 1
@call need {"capability": "mcp"}
===
@times 1
@call list_mcp_tools {"server": "raw"}
===
@times 1
@call call_mcp_tool {"server": "raw", "tool": "tool"}
===
Done with the server.
"""


@pytest.mark.parametrize("allowed", [False, True])
def test_a_persons_own_mcp_server_is_a_tool_by_a_rule_and_ends_with_the_command(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, allowed: bool
) -> None:
    servers = {"raw": {"command": sys.executable, "args": [str(RAW), "none"], "allow": ["tool"] if allowed else []}}
    monkeypatch.setenv("STARLING_MCP__SERVERS", json.dumps(servers))
    with ScriptedServer(MCP_SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        assert run(["do", "-w", str(workspace), "ask", "the", "server"]) == 0
    shown = capsys.readouterr()
    assert "Done with the server." in shown.out
    assert "Call tool of the MCP server raw" in shown.err
    assert ("no terminal to ask on" in shown.err) is not allowed
    assert not [one for one in psutil.Process().children(recursive=True) if RAW.name in " ".join(one.cmdline())]


def test_a_title_that_cannot_be_given_is_refused_in_a_sentence(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--json", "-w", str(workspace), "use", "pi"]) == 0
    session = json.loads(capsys.readouterr().out)["session"]
    assert run(["sessions", "rename", session, "x" * 1001, "-w", str(workspace)]) == 1
    assert "was not renamed: a title has more than 1,000 characters" in capsys.readouterr().err
    assert run(["sessions", "rename", session, " ", "-w", str(workspace)]) == 2


@pytest.mark.parametrize("command", [["ask", "what?"], ["do", "use", "pi"], ["work"]])
def test_while_a_rule_cannot_be_read_agents_do_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("STARLING_TEAM__ALLOW", "edits")
    monkeypatch.setenv("STARLING_TEAM__DENY", "reads path data/, edits paths area.py")
    assert run([*command, "-w", str(workspace)]) == 1
    shown = capsys.readouterr().err
    assert "Agents do nothing while a rule that denies or asks cannot be read." in shown
    assert 'entry 2, "edits paths area.py", cannot be used' in shown
    assert "math.pi" not in (workspace / "area.py").read_text()
    assert run(["sessions", "--json", "-w", str(workspace)]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["ask", ""], "The request is empty; say what you want"),
        (["do", " ", ""], "The request is empty; say what you want"),
        (["ask", "--role", "wizard", "hi"], "There is no role wizard. There are: "),
        (["do", "--role", "codr", "hi"], "There is no role codr. Did you mean coder"),
        (["work", "--role", "wizard"], "There is no role wizard. There are: "),
        (["tasks", "add", "x", "--role", "wizard"], "There is no role wizard. There are: "),
        (["memory", "add", "style", "tabs", "--role", "wizard"], "There is no role wizard. There are: "),
    ],
)
def test_an_empty_request_and_an_unknown_role_are_refused_at_once(
    workspace: Path, capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    assert run([*command, "-w", str(workspace)]) == 2
    assert said in capsys.readouterr().err
    for kept in ("sessions", "tasks"):
        assert run([kept, "--json", "-w", str(workspace)]) == 0
        assert json.loads(capsys.readouterr().out)[kept] == []


def test_a_role_is_found_as_a_person_writes_it(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "add", "x", "--role", "@Coder", "-w", str(workspace)]) == 0
    assert run(["tasks", "--json", "-w", str(workspace)]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("{") :])["tasks"][0]["role"] == "coder"
