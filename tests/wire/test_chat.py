"""The real server with a chat endpoint over real HTTP: an explanation, a review, and no key in any file it writes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from models.chat import ChatRequest, Message, Speaker, never
from models.scripted.scripted_server import ScriptedServer
from server.assembly import chats
from server.assembly.endpoints import ChatSettings
from tests.wire.conftest import PROGRAM, ROOT, to_plain_json, wait_for
from tests.wire.test_gate import EDITING, Person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

KEY = "sk-wire-0123456789abcdefghij"
BEFORE = "def area(width, height):\n    return width * height\n"
REMARK = {
    "quote": "return width * width",
    "problem": "The height is ignored.",
    "reason": "Areas are wrong.",
    "kind": "logic",
    "severity": "warning",
    "confidence": 0.9,
    "replacement": "return width * height",
}
SCRIPT = (
    f"=== whether a remark\n{json.dumps({'steps': 'It is.', 'right': True})}\n"
    f"=== review code\n{json.dumps({'remarks': [REMARK]})}\n"
    f"=== break\n@status 401\nIncorrect API key provided: {KEY}\n"
    "=== explain\nIt multiplies two lengths.\n"
)


def configure(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
    monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
    monkeypatch.setenv("STARLING_CHAT__KEY_ENV", "SOME_KEY")
    monkeypatch.setenv("STARLING_LOG__LEVEL", "debug")
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    monkeypatch.setenv("SOME_KEY", KEY)


def find_files_with(text: str, *folders: Path) -> list[Path]:
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


@pytest.mark.real_start
async def test_an_explanation_comes_over_http_and_no_key_is_written_anywhere(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedServer(SCRIPT, key=KEY) as server:
        configure(monkeypatch, server)
        session = await start(command=PROGRAM)
        await session.initialize()
        uri = session.open("untitled:area.py", BEFORE)
        answer = await session.execute("starling.explain", uri=uri, question="explain")
        assert answer["text"] == "It multiplies two lengths."
        params = types.ExecuteCommandParams("starling.explain", [{"uri": uri, "question": "break"}])
        with pytest.raises(Exception, match="does not accept the key") as refused:
            await wait_for(session.client.workspace_execute_command_async(params))
        assert KEY not in str(refused.value)
        assert {one["authorization"] for one in server.headers} == {f"Bearer {KEY}"}
        assert find_files_with("chat answered", session.home)
        assert find_files_with(KEY, tmp_path) == []
        # the answers of the last hour hold it, and nothing else: the log holds no texts
        assert {path.name for path in find_files_with("It multiplies", session.home)} == {"replies.sqlite3"}


async def test_a_changed_function_is_reviewed_and_shown_as_a_diagnostic(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(SCRIPT, key=KEY) as server:
        configure(monkeypatch, server)
        session = await start(command=PROGRAM)
        await session.initialize(initialization_options={"review": {"ruff": "never", "delayMs": 0}})
        uri = session.open(session.write("area.py", BEFORE).as_uri(), BEFORE)
        report = await session.execute("starling.review", uri=uri, deep=True)
        assert (report["findings"], len(server.requests)) == (
            [],
            1,
        )  # the model's remark quotes text that is not in the file yet
        document = types.VersionedTextDocumentIdentifier(2, uri)
        whole = types.TextDocumentContentChangeWholeDocument(BEFORE.replace("* height", "* width"))
        session.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
        session.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        while not (found := session.client.diagnostics.get(uri)):
            await wait_for(session.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS))
        assert [(one.code, one.range.start.line, one.range.start.character) for one in found] == [("model-logic", 1, 4)]
        assert found[0].message == "The height is ignored. Areas are wrong."


async def test_one_function_of_an_answer_with_a_whole_file_is_proposed_and_written(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import os\n\n\ndef one( ):\n    return 1\n\n\ndef two(r):\n    return 3 * r\n"
    answer = text.replace("import os", "import math\nimport os").replace("( )", "()").replace("3 * r", "math.pi * r")
    with ScriptedServer(f"=== use pi\n```python\n{answer}```\nIt uses pi.\n", key=KEY) as server:
        configure(monkeypatch, server)
        session = await start(command=PROGRAM)
        person = Person(session)
        await session.initialize(capabilities=EDITING)
        uri = session.open(session.write("area.py", text).as_uri(), text)
        place = {"line": 8, "character": 4}
        arguments = {"uri": uri, "range": {"start": place, "end": place}, "instruction": "use pi"}
        params = types.ExecuteCommandParams("starling.generate", [arguments])
        running = asyncio.ensure_future(session.client.workspace_execute_command_async(params))
        (_, diff), decided = await person.take_question()
        written = [line for line in diff.splitlines() if line.startswith(("+", "-")) and line[:3] not in {"+++", "---"}]
        assert written == ["+import math", "-    return 3 * r", "+    return math.pi * r"]
        decided.set_result(types.MessageActionItem("Apply"))
        applying, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
        (change,) = applying.edit.document_changes
        document = types.VersionedTextDocumentIdentifier(2, uri)
        changes = [types.TextDocumentContentChangePartial(edit.range, edit.new_text) for edit in reversed(change.edits)]
        session.client.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))
        applied.set_result(types.ApplyWorkspaceEditResult(applied=True))
        result = to_plain_json(await wait_for(running))
        assert (result["outcome"], result["reason"]) == ("applied", None)


async def test_a_document_outside_the_workspace_is_reviewed_by_a_model_only_on_request(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedServer(SCRIPT, key=KEY) as server:
        configure(monkeypatch, server)
        session = await start(command=PROGRAM)
        await session.initialize(initialization_options={"review": {"ruff": "never", "delayMs": 0}})
        own = session.write("own.py", BEFORE).as_uri()
        uris = ["untitled:area.py", (tmp_path / "elsewhere.py").as_uri(), own]
        for number, uri in enumerate(uris):
            session.open(uri, BEFORE.replace("area", f"area{number}"))
            await session.execute("starling.review", uri=uri, deep=True)
        assert len(server.requests) == 3
        for number, uri in enumerate(uris):
            document = types.VersionedTextDocumentIdentifier(2, uri)
            text = BEFORE.replace("area", f"area{number}").replace("* height", f"* width  # {number}")
            whole = types.TextDocumentContentChangeWholeDocument(text)
            session.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))
            session.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        while not session.client.diagnostics.get(own):  # its turn comes after theirs
            await wait_for(session.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS))
        assert all("# 2" in str(one) for one in server.requests[3:])
        await session.execute("starling.review", uri=uris[0], deep=True)
        assert "# 0" in str(server.requests[-2:])


def test_a_script_is_served_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "script.txt").write_text("===\ntwo\n")
    command = [sys.executable, str(ROOT / "starling_lsp.py"), "models", "script", str(tmp_path / "script.txt")]
    environment = {**os.environ, "STARLING_HOME": str(tmp_path / "home")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        settings = re.fullmatch(r"STARLING_CHAT__URL=(\S+) STARLING_CHAT__MODEL=(\S+)\n", process.stdout.readline())
        assert settings
        chat = chats.build_chats(ChatSettings(url=settings[1], model=settings[2]), None).chat
        assert chat is not None
        reply = chat.chat(ChatRequest((Message(Speaker.USER, "1 + 1?"),)), cancelled=never)
        chat.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert reply.text == "two"
