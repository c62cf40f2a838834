"""The commands that ask the chat model: explanations in pieces, instructions through the gate, and failures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from models.scripted.scripted_chat import ScriptedChat
from server.state.paths import HOME_VARIABLE
from tests.server.lsp.commands.test_generate import BODY, STUB, Bench, make_range

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.editor import Editor


@pytest.fixture
def bench(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return a bench with an empty workspace and a new home."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    return Bench(editor, root)


async def begin(bench: Bench, script: str | None, **more: Any) -> None:
    """Begin the bench's session with a chat model that answers by `script`, None for no chat model."""
    bench.editor.chat = ScriptedChat(script) if script is not None else None
    await bench.begin(model=False, **more)


async def test_an_explanation_comes_in_pieces_and_then_as_a_whole(bench: Bench) -> None:
    await begin(bench, "===\nIt *squares* the radius.")
    result = (await bench.run("starling.explain", range=make_range(0), partial_token="mine"))["result"]
    assert result == {"text": "It *squares* the radius.", "model": "scripted"}
    told = [one["params"] for one in bench.editor.sent if one.get("method") == "$/progress"]
    pieces = [one["value"]["text"] for one in told if one["token"] == "mine"]
    assert "".join(pieces) == result["text"]
    assert len(pieces) > 2
    assert bench.text == STUB
    assert bench.desk.asked == []


async def test_a_question_is_answered(bench: Bench) -> None:
    await begin(bench, "=== why a stub\nNobody knows.")
    assert (await bench.run("starling.explain", question="Why a stub?"))["result"]["text"] == "Nobody knows."


async def test_without_a_chat_model_it_says_which_settings_give_one(bench: Bench) -> None:
    await begin(bench, None)
    error = (await bench.run("starling.explain"))["error"]
    assert error["data"]["code"] == "unavailable"
    assert "chat.url" in error["message"]


async def test_an_answer_that_breaks_off_is_handed_over_with_the_error(bench: Bench) -> None:
    await begin(bench, "===\n@break-after 2\nIt squares the radius.")
    error = (await bench.run("starling.explain"))["error"]
    assert error["data"]["code"] == "unreachable"
    assert error["data"]["partial"] == {"text": "It squares"}


async def test_a_file_that_is_kept_from_models_is_not_sent(bench: Bench) -> None:
    await begin(bench, "===\nyes")
    bench.editor.index.excluded.add(bench.path)
    error = (await bench.run("starling.explain"))["error"]
    assert "kept from models" in error["message"]
    assert isinstance(bench.editor.chat, ScriptedChat)
    assert bench.editor.chat.requests == []


async def test_cancelling_answers_the_request_and_stops_the_model(bench: Bench) -> None:
    await begin(bench, "===\n@hang")
    asked = bench.send("starling.explain")
    chat = bench.editor.chat
    assert isinstance(chat, ScriptedChat)
    while not chat.requests:  # noqa: ASYNC110 (another thread asks)
        await asyncio.sleep(0.01)
    bench.editor.notify("$/cancelRequest", {"id": asked})
    assert (await bench.editor.answer(asked))["error"]["code"] == -32800


async def test_an_instructed_edit_is_written_through_the_gate(bench: Bench) -> None:
    await begin(bench, "===\n```\n" + BODY + "```\nIt squares now.")
    result = (await bench.run("starling.generate", instruction="Square it", range=make_range(0)))["result"]
    assert (result["outcome"], result["task"]) == ("applied", "generate")
    assert bench.text == BODY
    assert bench.desk.asked == ["message"]
