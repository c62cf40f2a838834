"""The `starling.*` commands: their arguments and results, and their answers to wrong arguments."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexing.records import Hit
from server.assembly.gates import open_state
from server.state import paths
from server.state.watching.metrics_store import Metrics

if TYPE_CHECKING:
    from tests.server.editor import Editor


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set Starling's home to a new folder."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path))


async def execute(editor: Editor, name: str, *arguments: object) -> dict[str, Any]:
    command = {"command": name, "arguments": list(arguments)}
    return await editor.answer(editor.ask("workspace/executeCommand", command))


async def test_status_describes_the_server_the_index_and_the_model(editor: Editor) -> None:
    await editor.begin(clientInfo={"name": "ed"}, workspaceFolders=[{"uri": "file:///a", "name": "a"}])
    editor.open("x")
    status = (await execute(editor, "starling.status"))["result"]
    told = {name: status[name] for name in ("state", "client", "encoding", "roots", "open_documents", "problems")}
    wanted = {
        "state": "ready",
        "client": "ed",
        "encoding": "utf-16",
        "roots": ["/a"],
        "open_documents": 1,
        "problems": [],
    }
    assert told == wanted
    assert (status["index"]["files"], status["model"]["state"]) == (3, "off")


async def test_status_answers_while_the_program_still_loads(editor: Editor) -> None:
    editor.may_build.clear()
    await editor.begin(ready=False)
    status = (await execute(editor, "starling.status"))["result"]
    assert (status["state"], status["index"], status["model"]) == ("starting", None, None)
    editor.may_build.set()


async def test_search_returns_hits_as_they_are(editor: Editor) -> None:
    editor.index.hits = (Hit(Path("/a/x.py"), "x.py", 1, 2, "def f(): ...\n", 0.5, "f"),)
    await editor.begin()
    answer = await execute(editor, "starling.search", {"query": "f", "limit": 1})
    hit = {"path": "/a/x.py", "relative": "x.py", "first_line": 1, "last_line": 2, "text": "def f(): ...\n"}
    assert answer["result"] == {"hits": [{**hit, "score": 0.5, "name": "f"}]}


async def test_health_names_each_part_and_what_is_wrong(editor: Editor) -> None:
    await editor.begin(initializationOptions={"completion": {"alternatives": 99}})
    health = (await execute(editor, "starling.health"))["result"]
    assert health["status"] == "degraded"
    assert {check["part"]: check["ok"] for check in health["checks"]} == {
        "settings": False, "index": True, "model": True, "chat": True, "record": True, "server": True,
    }  # fmt: skip


async def test_health_tells_of_requests_that_failed(editor: Editor) -> None:
    editor.generator.error = ZeroDivisionError()
    await editor.begin()
    editor.open("x")
    await editor.answer(editor.complete(0, 1))
    (check,) = [c for c in (await execute(editor, "starling.health"))["result"]["checks"] if c["part"] == "server"]
    assert (check["ok"], "textDocument/inlineCompletion" in check["message"]) == (False, True)


async def test_health_tells_that_nothing_can_be_recorded(editor: Editor) -> None:
    state = paths.state_dir() / "state.sqlite3"
    state.parent.mkdir(parents=True)
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    await editor.begin()
    health = (await execute(editor, "starling.health"))["result"]
    (check,) = [c for c in health["checks"] if not c["ok"]]
    assert (health["status"], check["part"], "newer" in check["message"]) == ("degraded", "record", True)


async def test_health_tells_that_records_are_made_where_a_damaged_file_was(editor: Editor) -> None:
    state = paths.state_dir() / "state.sqlite3"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"no database, " * 1000)
    await editor.begin()
    assert (await execute(editor, "starling.health"))["result"]["status"] == "ok"


async def test_stats_are_those_of_the_generator(editor: Editor) -> None:
    await editor.begin()
    editor.open("x")
    await editor.items(editor.complete(0, 1))
    assert (await execute(editor, "starling.stats"))["result"]["completion"]["requests"] == 1


async def test_stats_have_the_work_of_the_team(editor: Editor) -> None:
    await editor.begin()
    metrics = Metrics(open_state())
    metrics.count("task", agent="coder", outcome="done", seconds=2.0)
    metrics.count("model", agent="coder", name="m", outcome="done", prompt_tokens=7)
    metrics.flush()
    result = (await execute(editor, "starling.stats"))["result"]
    assert [(one["tasks_done"], one["prompt_tokens"]) for one in result["team"]] == [(1, 7)]
    assert [(one["role"], one["model"]) for one in result["roles"]] == [("coder", "m")]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("starling.search", [], "query: Field required"),
        ("starling.search", [{"query": "x", "limit": 0}], "limit: Input should be greater than or equal to 1"),
        ("starling.search", [{"query": "x", "limit": "3"}], "limit: Input should be a valid integer"),
        ("starling.search", [{"query": "x", "more": 1}], "more: Extra inputs are not permitted"),
        ("starling.search", ["x"], "it: Input should be"),
        ("starling.status", [{}, {}], "takes one object"),
        ("starling.completion.accepted", [{"id": ""}], "id: String should have at least 1 character"),
        ("other.command", [{}], "there is no command"),
    ],
)
async def test_wrong_arguments_are_an_error_that_says_what_is_allowed(
    editor: Editor, name: str, arguments: list[object], said: str
) -> None:
    await editor.begin()
    error = (await execute(editor, name, *arguments))["error"]
    assert (error["code"], said in error["message"]) == (-32602, True), error
