"""200 planted secrets, and a model that reads, runs, remembers, asks and repeats: none gets to a model or to a disk."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
import types
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.ports.feedback import Thumb
from agents.ports.memory import Activity, Decision
from models.scripted.scripted_server import ScriptedServer
from server.assembly import log
from server.assembly.gates import open_state
from server.assembly.setting_sections import LogSettings
from server.cli import run
from server.state import paths
from server.state.feedback_store import FeedbackStore
from server.state.memory_store import MemoryStore
from tests.server.planted.planting import NUMBER, Plants, find_leaks, write_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

RAW = Path(__file__).parents[1] / "mcp_client" / "raw_server.py"
SEEN = 100
"""Secrets that the model gets to see masked, at least; others are in places that it cannot see at all."""
COPIES = {("checkpoint_files", "before"), ("checkpoint_files", "after"), ("kept_proposals", "content")}
"""Columns that hold texts of files as they are, because undoing restores every byte; the manual says so."""


def call(_tool: str, /, **arguments: object) -> str:
    """Return the line of a script that calls a tool."""
    return f"@call {_tool} {json.dumps(arguments)}\n"


def write_script(root: Path, texts: dict[str, list[str]]) -> str:
    """Return the script of a model that does everything by which a secret could get out."""
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if ".git/" not in path.as_posix())
    reads = [call("read_file", path=name) for name in files if "." in name and not name.startswith("notes-")]
    said = [*texts["answers"], *texts["env"][:8], *texts["variables"][:4], *texts["mcp"][:4]]
    steps = [
        call("list_files") + call("search_files", pattern="[A-Za-z0-9]{8,}") + call("git_log") + call("git_diff"),
        "".join(reads[:6]),
        "".join(reads[6:]),
        call("need", capability="mcp") + call("need", capability="diagnose"),
        call("execute_command", command="cat output.txt; cat encoded.txt"),
        call("execute_command", command="base64 output.txt") + call("execute_command", command="env; cat .env"),
        call("execute_command", command="git log --format=%B; ls"),
        call("call_mcp_tool", server="raw", tool="tool", arguments={}),
        call("call_mcp_tool", server="raw", tool="tool", arguments={"text": said[0]}),
        "".join(call("remember", key=f"k{at}", text=f"It is {one}", later=True) for at, one in enumerate(said)),
        call("remember", key=said[0][:100].splitlines()[0], text="a key"),
        call("recall") + call("ask_person", question=f"Is it {said[1]}?", choices=[said[2][:200]]),
        call("plan", steps=[{"title": f"Use {one}"[:900]} for one in said[:3]], title="Plan"),
        call("plan", steps=[]),
        call("write_file", path="new.txt", text=f"{said[0]}\n", why=f"It has {said[1]}"),
        call("edit_file", path="src/keys_0.py", why=f"It has {said[1]}",
             replacements=[{"old": '"""Keys."""', "new": '"""All keys."""'}]),
        call("delegate", role="ask", task=f"Errand-7: look for {said[0]}"),
        call("execute_command", command=f"echo '{said[0].splitlines()[0]}' {texts['variables'][0]}"),
        call("no_such_tool", text=said[0]),
    ]  # fmt: skip
    turns = "".join(f"===\n@times 1\n{step}" for step in steps)
    return f"=== Errand-7\nIt is {said[0]}.\n{turns}===\nThey are:\n" + "\n".join(f"\\{one}" if one[:1] in "@=" else one
                                                                           for one in said) + "\n"  # fmt: skip


@pytest.fixture
def plants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plants, Path, dict[str, list[str]]]:
    """Return the secrets, the workspace that has them, and the texts for other places; commits and environment too."""
    made, root = Plants(), tmp_path / "shop"
    texts = write_workspace(root, made)
    assert len(made.planted) == NUMBER
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    git = ["git", "-C", str(root), "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    for text in texts["commits"]:
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", text], check=True)
    (root / "config.yml").write_text((root / "config.yml").read_text() + "\n# changed\n")
    for number, value in enumerate(texts["variables"]):
        monkeypatch.setenv(f"SHOP_{number}_TOKEN", value)
    told = tmp_path / "mcp.txt"
    told.write_text("\n".join(texts["mcp"]))
    monkeypatch.setenv("STARLING_MCP__SERVERS", json.dumps({
        "raw": {"command": sys.executable, "args": [str(RAW), "tell", str(told)], "allow": ["tool"]}
    }))  # fmt: skip
    ring = types.ModuleType("keyring")
    ring.get_password = lambda _, name: texts["keyring"][int(name)]  # type: ignore[attr-defined]
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError, errors.NoKeyringError = OSError, KeyError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    for name, value in {"INDEX__ENABLED": "false", "LOG__TEXTS": "true", "LOG__LEVEL": "debug",
                        "CHAT__KEYRING": "0", "CHAT__MODEL": "scripted", "TEAM__STEPS": "100",
                        "CHAT__REQUESTS_PER_HOUR": "1000", "TEAM__TRAINING": "true"}.items():  # fmt: skip
        monkeypatch.setenv(f"STARLING_{name}", value)
    return made, root, texts


def read_databases(home: Path) -> Iterator[tuple[str, str]]:
    """Yield each value of the databases, decompressed, with its table and column; copies of files are left out."""
    for path in home.rglob("*.sqlite3"):
        with closing(sqlite3.connect(path)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (its own name)
                names = [one[0] for one in rows.description]
                for row in rows:
                    for column, value in zip(names, row, strict=True):
                        if (table, column) not in COPIES and isinstance(value, bytes | str):
                            text = value if isinstance(value, str) else _unpack(value).decode("utf-8", "replace")
                            yield f"{path.name}: {table}.{column}", _decode(text)


def _unpack(data: bytes) -> bytes:
    """Return what is compressed in `data`; `data` itself if nothing is."""
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def _decode(text: str) -> str:
    """Return a text with what JSON escapes in it, and without the escapes."""
    return text + "\n" + text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def read_files(home: Path) -> Iterator[tuple[str, str]]:
    """Yield name and bytes, as text, of each file below Starling's home, its index left out."""
    for path in home.rglob("*"):
        if path.is_file() and "index" not in path.relative_to(home).parts:
            yield (
                path.name if path.suffix != ".jsonl" else path.parent.name,
                _decode(path.read_bytes().decode("utf-8", "replace")),
            )


def store_more(session: str, root: Path, texts: dict[str, list[str]]) -> None:
    """Store feedback, an activity and a decision with secrets, as clients and workflows do."""
    said = texts["said"][1:]
    with closing(open_state()) as state:
        FeedbackStore(state).give(session, 1, Thumb.UP, f"Good, it is {said[5]}")
        memory = MemoryStore(state)
        memory.record_activity(Activity(root.as_uri(), "coder", f"used {said[6]}", json.dumps({"key": said[7]})))
        memory.record_decision(Decision(root.as_uri(), "ceo", "board", f"Use {said[8]}?", "yes", texts["env"][3]))


@pytest.mark.timeout(300)
def test_no_planted_secret_gets_to_a_model_or_to_a_disk(
    plants: tuple[Plants, Path, dict[str, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made, root, texts = plants
    log.configure(LogSettings(texts=True, level="debug"), paths.log_dir())
    monkeypatch.setattr(log, "begin", lambda: None)
    place = ["-w", str(root)]
    yes = [word for kind in ("edit", "create", "run", "plan") for word in ("--yes", kind)]
    shown: list[tuple[str, str]] = []

    def show(*arguments: str) -> str:
        """Run a command that exports something, and return what it writes."""
        capsys.readouterr()
        assert run(list(arguments)) == 0
        written = capsys.readouterr().out
        shown.append((f"starling {' '.join(arguments[:2])}", _decode(written)))
        return written

    with ScriptedServer(write_script(root, texts)) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        first, *rest = texts["said"]
        assert run(["do", *yes, *place, "@coder", "Read everything.", first]) == 0
        assert run(["do", "--continue", *place, "@coder", "Again.", rest[0], texts["env"][0]]) == 0
        session = json.loads(show("sessions", *place, "--json"))["sessions"][0]["id"]
        assert run(["sessions", "rename", session, f"About {rest[1]}"[:900].splitlines()[0], *place]) == 0
        assert run(["tasks", "add", "--read-only", "--details", rest[2], "--key", rest[3].splitlines()[0],
                    *place, f"Explain {rest[4]} and {texts['variables'][1]}"]) == 0  # fmt: skip
        assert run(["work", *place]) == 0
        sent = json.dumps(server.requests, ensure_ascii=False)
        assert max(map(int, re.findall(r"STARLING_MASKED_(\d{4})", sent))) >= SEEN
        headers = json.dumps(server.headers)
    assert texts["keyring"][0] in headers  # the key of the endpoint is sent to it, as it has to be
    store_more(session, root, texts)
    assert run(["memory", "add", "note", f"It is {texts['env'][4]}", *place]) == 0
    show("sessions", "export", session, *place)
    show("sessions", "export", session, "--json", *place)
    show("sessions", *place)
    show("memory", "export", *place)
    show("memory", *place)
    task = json.loads(show("tasks", "--json", *place))["tasks"][0]["id"]
    show("tasks", "show", task, *place)
    show("tasks", "log", task, *place)
    show("stats", "--json")
    exported = tmp_path / "training.jsonl"
    assert run(["sessions", "training", str(exported), *place]) == 0
    shown.append(("training", _decode(exported.read_text("utf-8"))))
    assert '"kind": "edit"' in shown[-1][1]
    for handler in logging.getLogger().handlers:
        handler.flush()
    home = tmp_path / "home"
    files = [*read_files(home), *read_databases(home)]
    names = {name for name, _ in files}
    assert names >= {"state.sqlite3", "starling.log", "actions", "turns"}
    leaks = find_leaks(made.planted, [("prompt", _decode(sent)), *files, *shown])
    assert leaks == []
