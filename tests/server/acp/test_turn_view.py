"""Events of a turn as updates."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, ProposedEdit
from agents.team import events
from agents.team.events import TurnEnded, TurnStatus
from agents.team.tools.all_tools import TOOLS
from server.acp.turn_view import TurnView
from server.acp.update_sender import UpdateSender
from tests.server.acp.test_update_sender import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parent.resolve()
CHOSEN = events.AgentChosen("coder", "you named it")


@pytest.fixture
async def client() -> Recorder:
    """Return a client."""
    return Recorder()


@pytest.fixture
async def view(client: Recorder) -> AsyncIterator[TurnView]:
    """Yield the view of one turn, shown by `client`."""
    sender = UpdateSender(client.send)
    yield TurnView(sender, TOOLS, [ROOT])
    await sender.close()


async def test_the_answer_is_a_message_and_a_delegates_text_a_thought(view: TurnView, client: Recorder) -> None:
    view.show(CHOSEN)
    await asyncio.to_thread(view.show, events.TextArrived("coder", "I ask."))
    view.show(events.AgentChosen("tester", "coder delegated to it"))
    view.show(events.TextArrived("tester", "Red."))
    view.show(events.TextArrived("coder", "It fails."))
    view.show(events.Noted("A note."))
    await view.flush()
    assert client.list_texts() == [
        ("agent_thought_chunk", "coder: you named it.\n"),
        ("agent_message_chunk", "I ask."),
        ("agent_thought_chunk", "tester: coder delegated to it.\nRed."),
        ("agent_message_chunk", "It fails."),
        ("agent_thought_chunk", "A note.\n"),
    ]


async def test_an_answer_after_the_check_of_changes_is_a_paragraph_of_its_own(view: TurnView, client: Recorder) -> None:
    view.show(CHOSEN)
    view.show(events.TextArrived("coder", "It is done."))
    view.show(events.Noted("The check of the changes found 1 problem; the agent is told."))
    for piece in ("Fix", "ed."):
        view.show(events.TextArrived("coder", piece))
    await view.end(TurnEnded(TurnStatus.DONE, "Fixed."))
    said = "".join(text for kind, text in client.list_texts() if kind == "agent_message_chunk")
    assert said == "It is done.\n\nFixed."


async def test_a_call_is_shown_with_its_result_and_its_title_again(view: TurnView, client: Recorder) -> None:
    view.show(events.CallStarted("coder", "c1", "read_file", "Read a.py", {"path": "a.py"}))
    await view.flush()
    assert view.current_call == "c1"
    view.show(events.CallEnded("coder", "c1", "read_file", "1  pass", failed=False, seconds=0.1))
    await view.flush()
    assert view.current_call == ""
    begun, ended = client.sent
    assert (begun.title, begun.kind, begun.status, begun.locations[0].path) == (
        "Read a.py",
        "read",
        "in_progress",
        str(ROOT / "a.py"),
    )
    assert (ended.tool_call_id, ended.title, ended.status) == ("c1", "Read a.py", "completed")
    assert ended.content[0].content.text == "```\n1  pass\n```"


async def test_a_rejected_edit_keeps_its_diff_beside_the_reason(view: TurnView, client: Recorder) -> None:
    view.show(events.CallStarted("coder", "c1", "write_file", "Write b.py", {}))
    await view.flush()
    view.show_changes(ProposedEdit("Write b.py", "", "coder", (CreateFile(ROOT / "b.py", "x"),)))
    view.show(events.CallEnded("coder", "c1", "write_file", "The person said no.", failed=True, seconds=0.1))
    await view.flush()
    shown, ended = client.sent[1:]
    assert [(one.type, one.new_text) for one in shown.content] == [("diff", "x")]
    assert [one.type for one in ended.content] == ["diff", "content"]
    assert ended.status == "failed"


async def test_the_innermost_call_is_the_current_one(view: TurnView) -> None:
    for call in ("outer", "inner"):
        view.show(events.CallStarted("coder", call, "delegate", call))
    await view.flush()
    assert view.current_call == "inner"
    view.show(events.CallEnded("coder", "inner", "delegate", "", failed=False, seconds=0.0))
    await view.flush()
    assert view.current_call == "outer"


async def test_a_question_between_calls_gets_a_call_of_its_own(view: TurnView, client: Recorder) -> None:
    assert await view.begin_question("q1", "Undo: Edit a.py?") == "q1"
    view.end_question("q1")
    await view.flush()
    assert [(one.tool_call_id, one.title, one.status) for one in client.sent] == [
        ("q1", "Undo: Edit a.py?", "pending"),
        ("q1", None, "completed"),
    ]
    view.show(events.CallStarted("coder", "c1", "edit_file", "Edit a.py"))
    assert await view.begin_question("q2", "Edit a.py?") == "c1"


async def test_a_change_outside_of_a_call_is_not_shown(view: TurnView, client: Recorder) -> None:
    view.show_changes(ProposedEdit("Write b.py", "", "coder", (CreateFile(ROOT / "b.py", "x"),)))
    await view.flush()
    assert client.sent == []


async def test_the_plan_is_shown_with_its_states(view: TurnView, client: Recorder) -> None:
    view.show(events.PlanChanged((("a", "open"), ("b", "active"), ("c", "done"), ("d", "dropped"))))
    await view.flush()
    (plan,) = client.sent
    assert [(one.content, one.status) for one in plan.entries] == [
        ("a", "pending"),
        ("b", "in_progress"),
        ("c", "completed"),
        ("d", "completed"),
    ]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (TurnStatus.LIMIT, "max_turn_requests"),
        (TurnStatus.REPEATED, "end_turn"),
        (TurnStatus.FAILED, "end_turn"),
    ],
)
async def test_an_end_without_an_answer_says_why(
    view: TurnView, client: Recorder, status: TurnStatus, reason: str
) -> None:
    assert await view.end(TurnEnded(status, "No model answers.")) == reason
    assert client.list_texts() == [("agent_message_chunk", "No model answers.")]


async def test_an_answer_that_was_streamed_is_not_repeated(view: TurnView, client: Recorder) -> None:
    view.show(CHOSEN)
    view.show(events.TextArrived("coder", "Done."))
    assert await view.end(TurnEnded(TurnStatus.DONE, "Done.")) == "end_turn"
    assert client.list_texts()[1:] == [("agent_message_chunk", "Done.")]


async def test_what_was_added_to_an_answer_is_shown(view: TurnView, client: Recorder) -> None:
    view.show(CHOSEN)
    view.show(events.TextArrived("coder", "Done.\n\nReally."))
    await view.end(TurnEnded(TurnStatus.DONE, "Done.\n\nReally.\n\nNot fixed: a.py:1."))
    assert [text for _, text in client.list_texts()[1:]] == ["Done.\n\nReally.", "\n\nNot fixed: a.py:1."]


async def test_an_answer_given_by_a_call_is_shown(view: TurnView, client: Recorder) -> None:
    view.show(CHOSEN)
    view.show(events.TextArrived("coder", "Let me see."))
    await view.end(TurnEnded(TurnStatus.DONE, "All is well."))
    assert [text for _, text in client.list_texts()[1:]] == ["Let me see.", "\n\nAll is well."]


async def test_a_cancelled_turn_says_nothing_more(view: TurnView, client: Recorder) -> None:
    assert await view.end(TurnEnded(TurnStatus.CANCELLED, "The turn was cancelled.")) == "cancelled"
    assert client.sent == []
