"""Older sessions as updates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.ports.sessions import Entry, EntryKind
from agents.team.tools.all_tools import TOOLS
from server.acp.history import replay_entries
from server.acp.update_sender import UpdateSender
from tests.server.acp.test_update_sender import Recorder

ROOT = Path(__file__).parent.resolve()


def call(*ids: str, text: str = "", number: int = 2) -> Entry:
    """Return an agent's entry with a call of `read_file` for each id."""
    calls = [{"id": one, "name": "read_file", "arguments": {"path": f"{one}.py"}} for one in ids]
    return Entry(EntryKind.AGENT, "coder", text, json.dumps({"calls": calls}), number=number)


def result(of: str, text: str) -> Entry:
    """Return the entry of a call's result."""
    return Entry(EntryKind.RESULT, "tool", text, json.dumps({"call": of}))


async def replay(*entries: Entry) -> Recorder:
    """Replay `entries`, and return the client that has all updates."""
    client = Recorder()
    sender = UpdateSender(client.send)
    replay_entries(entries, sender, TOOLS, [ROOT])
    await sender.flush()
    await sender.close()
    return client


async def test_what_was_said_comes_back_in_order() -> None:
    client = await replay(
        Entry(EntryKind.PERSON, "zed", "Explain."),
        Entry(EntryKind.AGENT, "ask", "It adds."),
        Entry(EntryKind.NOTE, "starling", "The turn was cancelled."),
    )
    assert client.list_texts() == [
        ("user_message_chunk", "Explain."),
        ("agent_message_chunk", "It adds."),
        ("agent_thought_chunk", "The turn was cancelled."),
    ]


async def test_a_call_comes_back_with_its_result() -> None:
    begun, ended = (await replay(call("a"), result("a", "1  pass"))).sent
    assert (begun.title, begun.kind, begun.locations[0].path) == ("Read a.py", "read", str(ROOT / "a.py"))
    assert (ended.tool_call_id, ended.status) == (begun.tool_call_id, "completed")
    assert ended.content[0].content.text == "```\n1  pass\n```"


async def test_a_call_without_a_result_has_failed() -> None:
    client = await replay(call("a", "b"), result("b", "x"), Entry(EntryKind.PERSON, "zed", "Go on."))
    assert [(one.status, one.session_update) for one in client.sent[:4]] == [
        ("in_progress", "tool_call"),
        ("in_progress", "tool_call"),
        ("completed", "tool_call_update"),
        ("failed", "tool_call_update"),
    ]
    assert (await replay(call("a"))).sent[-1].status == "failed"


@pytest.mark.parametrize("aside", [
    Entry(EntryKind.NOTE, "starling", "", json.dumps({"notes": {"plan": [], "facts": {}, "offered": ["a.py"]}})),
    Entry(EntryKind.NOTE, "starling", "The tests pass.", json.dumps({"step": {}})),
    Entry(EntryKind.CALL, "tool", "", "{}"),
])  # fmt: skip
async def test_a_note_between_a_call_and_its_result_ends_no_call(aside: Entry) -> None:
    client = await replay(call("a", "b"), result("a", "x"), aside, result("b", "y"))
    ended = [one.status for one in client.sent if one.session_update == "tool_call_update"]
    assert ended == ["completed", "completed"]


async def test_a_message_to_the_model_ends_the_calls_before_it() -> None:
    said = Entry(EntryKind.NOTE, "starling", "Two errors are left.", json.dumps({"said": True}))
    assert [one.status for one in (await replay(call("a"), said)).sent if hasattr(one, "status")][-1] == "failed"


async def test_ids_that_a_model_uses_again_are_told_apart() -> None:
    client = await replay(call("a"), result("a", "1"), call("a", number=4), result("a", "2"))
    assert len({one.tool_call_id for one in client.sent}) == 2


async def test_damaged_details_hide_no_text() -> None:
    for details in ("{", "[]", '{"calls": 5}', '{"calls": [{"id": "a"}]}', '{"calls": [1]}'):
        client = await replay(Entry(EntryKind.AGENT, "ask", "It adds.", details))
        assert client.list_texts() == [("agent_message_chunk", "It adds.")]


async def test_a_recorded_answer_fetches_nothing() -> None:
    client = await replay(Entry(EntryKind.AGENT, "ask", "![x](http://192.0.2.1/secret)"))
    assert client.list_texts() == [("agent_message_chunk", "`![x](http://192.0.2.1/secret)`")]
