"""`starling acp` as a process, driven by the client side of the package, with a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import acp
import pytest
from acp import schema, text_block

from agents.ports.sessions import SessionUnavailable
from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import open_state
from server.state.paths import HOME_VARIABLE
from server.state.session_store import SessionStore
from tests.wire.acp_editor import PROGRAM, Editor, reject, start_editor
from tests.wire.conftest import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

SCRIPT = """
=== Choose who of a team
{"role": "coder"}
=== count to a thousand
@slow-first-token 30
One.
=== what is area
It is the area of a circle.
===
@times 1
@call read_file {"path": "area.py"}
===
@times 1
@call plan {"steps": [{"title": "Use pi", "status": "active"}]}
===
@times 1
@call edit_file {"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."}
===
It uses math.pi.
"""
BEFORE = "import math\n\n\ndef area(r):\n    return 3.14 * r * r\n"
AFTER = BEFORE.replace("3.14", "math.pi")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Yield the scripted endpoint, configured as the person's chat model."""
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield server


@pytest.fixture
async def editor(tmp_path: Path, endpoint: ScriptedServer) -> AsyncIterator[Editor]:
    """Yield an editor with a workspace of one file."""
    del endpoint
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "area.py").write_text(BEFORE)
    async with start_editor(workspace, tmp_path / "home") as started:
        yield started


async def test_agents_read_plan_and_edit_after_a_yes(editor: Editor) -> None:
    session = await editor.begin()
    assert await editor.ask(session, "use pi") == "end_turn"
    assert (editor.workspace / "area.py").read_text() == AFTER
    assert editor.read_text() == "It uses math.pi."
    assert [(call.title, call.kind, call.status) for call in editor.list_updates("tool_call")] == [
        ("Read area.py", "read", "in_progress"),
        ("Plan 1 steps", "think", "in_progress"),
        ("Edit area.py", "edit", "in_progress"),
    ]
    file = str(editor.workspace / "area.py")
    assert [one.path for one in editor.list_updates("tool_call")[0].locations] == [file]
    (plan,) = editor.list_updates("plan")
    assert [(entry.content, entry.status) for entry in plan.entries] == [("Use pi", "in_progress")]
    ends = [one for one in editor.list_updates("tool_call_update") if one.status == "completed"]
    assert "3.14" in ends[0].content[0].content.text
    (diff,) = ends[-1].content
    assert (diff.path, diff.old_text, diff.new_text) == (file, BEFORE, AFTER)
    assert editor.list_updates("session_info_update")[0].title == "use pi"
    await editor.wait_until(lambda: editor.list_updates("usage_update"))
    usage = editor.list_updates("usage_update")[0]
    assert 0 < usage.used < usage.size
    assert usage.cost is None


async def test_the_question_holds_the_diff_and_belongs_to_the_call(editor: Editor) -> None:
    session = await editor.begin()
    await editor.ask(session, "use pi")
    ((asked, options),) = editor.questions
    assert asked.tool_call_id == editor.list_updates("tool_call")[-1].tool_call_id
    assert "Edit area.py" in str(asked.title)
    assert asked.content is not None
    diff, words = asked.content
    assert "It is exact." in words.content.text
    assert (diff.old_text, diff.new_text) == (BEFORE, AFTER)
    assert [(one.name, one.kind) for one in options] == [
        ("Apply", "allow_once"),
        ("Apply, and the rest of this task", "allow_always"),
        ("Reject", "reject_once"),
    ]


async def choose_nothing(editor: Editor) -> str:
    """Cancel the question."""
    del editor
    return ""


async def choose_what_was_not_offered(editor: Editor) -> str:
    """Answer with an option that does not exist."""
    del editor
    return "approve-everything"


@pytest.mark.parametrize("choose", [reject, choose_nothing, choose_what_was_not_offered])
async def test_nothing_is_written_without_a_yes(editor: Editor, choose: Callable[[Editor], Any]) -> None:
    editor.choose = choose
    session = await editor.begin()
    assert await editor.ask(session, "use pi") == "end_turn"
    assert (editor.workspace / "area.py").read_text() == BEFORE
    assert editor.list_updates("tool_call_update")[-1].status == "failed"


async def test_in_plan_mode_nobody_is_asked_and_nothing_written(editor: Editor) -> None:
    session = await editor.begin()
    await wait_for(editor.agent.set_session_mode(session, "plan"))
    assert await editor.ask(session, "use pi") == "end_turn"
    assert (editor.workspace / "area.py").read_text() == BEFORE
    assert editor.questions == []
    assert "in plan mode agents only read" in editor.list_updates("tool_call_update")[-1].content[0].content.text
    with pytest.raises(acp.RequestError, match="There is no mode 'yolo'; there are: plan, act"):
        await wait_for(editor.agent.set_session_mode(session, "yolo"))


async def test_the_mode_is_an_option_too(editor: Editor) -> None:
    session = await editor.begin()
    answer = await wait_for(editor.agent.set_config_option("mode", session, "plan"))
    (option,) = answer.config_options
    assert (option.id, option.category, option.current_value) == ("mode", "mode", "plan")
    assert [one.value for one in option.options] == ["act", "plan"]
    await editor.wait_until(lambda: editor.list_updates("current_mode_update"))
    assert editor.list_updates("current_mode_update")[0].current_mode_id == "plan"
    assert await editor.ask(session, "use pi") == "end_turn"
    assert editor.questions == []
    for option_id, value in (("model", "x"), ("mode", "yolo")):
        with pytest.raises(acp.RequestError, match="There is no"):
            await wait_for(editor.agent.set_config_option(option_id, session, value))


async def test_costs_are_reported_where_prices_are_configured(
    tmp_path: Path, endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    del endpoint
    monkeypatch.setenv("STARLING_CHAT__INPUT_PRICE", "1000")
    monkeypatch.setenv("STARLING_CHAT__OUTPUT_PRICE", "1000")
    monkeypatch.setenv("STARLING_CHAT__CURRENCY", "EUR")
    async with start_editor(tmp_path, tmp_path / "home") as editor:
        session = await editor.begin()
        costs = []
        for _ in range(2):
            editor.updates.clear()
            await editor.ask(session, "what is area")
            await editor.wait_until(lambda: editor.list_updates("usage_update"))
            costs.append(editor.list_updates("usage_update")[-1].cost)
        assert {one.currency for one in costs} == {"EUR"}
        assert 0 < costs[0].amount < costs[1].amount


async def test_a_turn_is_cancelled_while_the_model_thinks(editor: Editor) -> None:
    session = await editor.begin()
    turn = asyncio.create_task(editor.ask(session, "count to a thousand"))
    await editor.wait_until(lambda: editor.list_updates("agent_thought_chunk"))
    with pytest.raises(acp.RequestError, match="A turn of this session runs"):
        await editor.ask(session, "what is area")
    await editor.agent.cancel(session)
    assert await turn == "cancelled"
    assert await editor.ask(session, "what is area") == "end_turn"


async def test_a_turn_is_cancelled_while_the_person_is_asked(editor: Editor) -> None:
    async def wait_for_ever(_: Editor) -> str:
        await asyncio.Event().wait()
        return "approve"

    editor.choose = wait_for_ever
    session = await editor.begin()
    turn = asyncio.create_task(editor.ask(session, "use pi"))
    await editor.wait_until(lambda: editor.questions)
    await editor.agent.cancel(session)
    assert await turn == "cancelled"
    assert (editor.workspace / "area.py").read_text() == BEFORE


async def test_an_older_session_is_listed_loaded_and_continued_by_another_process(
    editor: Editor, tmp_path: Path
) -> None:
    session = await editor.begin()
    await editor.ask(session, "use pi")
    empty = (await wait_for(editor.agent.new_session(str(editor.workspace), mcp_servers=[]))).session_id
    async with start_editor(editor.workspace, tmp_path / "home") as other:
        await wait_for(other.agent.initialize(1))
        listed = (await wait_for(other.agent.list_sessions(cwd=str(editor.workspace)))).sessions
        assert [(one.session_id, one.title, one.cwd) for one in listed] == [(session, "use pi", str(editor.workspace))]
        assert empty != session
        loaded = await wait_for(other.agent.load_session(str(editor.workspace), session, mcp_servers=[]))
        assert loaded.modes.current_mode_id == "act"
        assert other.read_text("user_message_chunk") == "use pi"
        assert other.read_text() == "It uses math.pi."
        assert [one.title for one in other.list_updates("tool_call")] == [
            "Read area.py",
            "Plan 1 steps",
            "Edit area.py",
        ]
        assert [one.status for one in other.list_updates("tool_call_update")] == ["completed"] * 3
        assert await other.ask(session, "what is area") == "end_turn"
        with pytest.raises(acp.RequestError, match="There is no session gone"):
            await wait_for(other.agent.load_session(str(editor.workspace), "gone", mcp_servers=[]))
    async with start_editor(editor.workspace, tmp_path / "home") as third:
        await wait_for(third.agent.initialize(1))
        await wait_for(third.agent.resume_session(session, str(editor.workspace)))
        assert third.updates == []
        assert await third.ask(session, "what is area") == "end_turn"
        await wait_for(third.agent.close_session(session))
        with pytest.raises(acp.RequestError, match="is not open"):
            await third.ask(session, "what is area")


async def test_a_session_that_is_open_and_idle_is_deleted_by_another_client_only_by_force(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, closed = await editor.begin(), await editor.begin()
    for one in (session, closed):
        await editor.ask(one, "what is area")
    await wait_for(editor.agent.close_session(closed))
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    state = open_state()
    store = SessionStore(state)
    with pytest.raises(SessionUnavailable, match=r"is open in a test on .*, where nothing is going on in it; close it"):
        store.delete(session)
    assert store.delete(closed)
    assert store.delete(session, force=True)
    state.close()


async def test_two_clients_cannot_drive_one_session(editor: Editor, tmp_path: Path) -> None:
    session = await editor.begin()
    turn = asyncio.create_task(editor.ask(session, "count to a thousand"))
    await editor.wait_until(lambda: editor.list_updates("agent_thought_chunk"))
    async with start_editor(editor.workspace, tmp_path / "home") as other:
        await wait_for(other.agent.initialize(1))
        await wait_for(other.agent.resume_session(session, str(editor.workspace)))
        with pytest.raises(acp.RequestError, match="a test"):  # the name of the client that drives it
            await other.ask(session, "what is area")
    await editor.agent.cancel(session)
    assert await turn == "cancelled"


async def test_a_client_that_dies_while_asked_has_said_no(editor: Editor, tmp_path: Path) -> None:
    async def die(asked: Editor) -> str:
        asked.process.stdin.close()  # type: ignore[union-attr]
        await asyncio.Event().wait()
        return "approve"

    editor.choose = die
    session = await editor.begin()
    turn = asyncio.create_task(editor.ask(session, "use pi"))
    await wait_for(editor.process.wait())
    assert editor.process.returncode == 0
    assert (editor.workspace / "area.py").read_text() == BEFORE
    turn.cancel()
    async with start_editor(editor.workspace, tmp_path / "home") as other:  # the lease is free
        await wait_for(other.agent.initialize(1))
        await wait_for(other.agent.load_session(str(editor.workspace), session, mcp_servers=[]))
        assert await other.ask(session, "what is area") == "end_turn"


async def test_wrong_folders_and_prompts_are_answered_with_a_sentence(editor: Editor) -> None:
    session = await editor.begin()
    for folder, sentence in (("relative", "not an absolute path"), (str(editor.workspace / "gone"), "not a folder")):
        with pytest.raises(acp.RequestError, match=sentence):
            await wait_for(editor.agent.new_session(folder, mcp_servers=[]))
    with pytest.raises(acp.RequestError, match="The prompt is empty"):
        await editor.ask(session, "  ")
    with pytest.raises(acp.RequestError, match="is not open"):
        await editor.ask("another", "what is area")


async def test_an_unknown_role_ends_the_turn_with_a_sentence(editor: Editor) -> None:
    session = await editor.begin()
    assert await editor.ask(session, "@nobody what is area") == "end_turn"
    assert "There is no role @nobody" in editor.read_text()


async def test_a_file_that_is_mentioned_is_named_and_its_text_not_taken(
    editor: Editor, endpoint: ScriptedServer
) -> None:
    session = await editor.begin()
    secret = (editor.workspace / ".env").as_uri()
    blocks = [
        text_block("what is area in "),
        schema.ResourceContentBlock(
            type="resource_link", name="area.py", uri=f"{(editor.workspace / 'area.py').as_uri()}#L1:2"
        ),
        acp.resource_block(acp.embedded_text_resource(secret, "TOKEN=hunter2")),
        acp.resource_block(acp.embedded_text_resource("zed:///agent/diff?path=.env", "TOKEN=hunter3")),
        acp.resource_block(acp.embedded_text_resource("zed:///agent/thread/1", "remember the circle")),
        acp.image_block("AAAA", "image/png"),
    ]
    assert (await wait_for(editor.agent.prompt(session, blocks))).stop_reason == "end_turn"
    sent = json.dumps(endpoint.requests[-1])
    assert "area.py (lines 1 to 2)" in sent
    assert "remember the circle" in sent
    assert "image left out" in sent
    assert "hunter" not in sent


async def test_garbage_on_stdin_is_refused_and_the_connection_goes_on(tmp_path: Path, endpoint: ScriptedServer) -> None:
    del endpoint
    lines = [
        b"\xff\xfe\x00 no text",
        b"[1, 2, 3]",
        b"42",
        b'"text"',
        b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc": "2.0", "id": {}, "result": 1}',
        b'{"jsonrpc": "2.0", "id": 7, "error": "no object"}',
        b'{"jsonrpc": "2.0", "id": 1, "method": ["initialize"]}',
        b'{"jsonrpc": "2.0", "id": 2, "method": "no/such/method", "params": {}}',
        b'{"jsonrpc": "2.0", "id": 3, "method": "session/new", "params": [1]}',
        b'{"jsonrpc": "2.0", "id": 4, "method": "session/prompt", "params": {"sessionId": "x", "prompt": "text"}}',
        b'{"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": 5}}',
        b"[" * 100_000,
        b'{"jsonrpc": "2.0", "id": 5, "method": "initialize", "params": {"protocolVersion": 9}}',
    ]
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "STARLING_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n".join([*lines, b""]))
    answers: dict[Any, dict[str, Any]] = {}
    refused = 0
    while 5 not in answers:
        answer = json.loads(await wait_for(process.stdout.readline()))
        refused += answer["id"] is None
        answers[answer["id"]] = answer
    assert refused == 9
    assert [answers[number]["error"]["code"] for number in (2, 3, 4)] == [-32601, -32602, -32602]
    assert answers[5]["result"]["protocolVersion"] == 1
    assert answers[5]["result"]["agentCapabilities"]["loadSession"] is True
    process.stdin.close()
    assert await wait_for(process.wait()) == 0
