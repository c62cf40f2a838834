"""The chat port over the connection to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.chat import ChatRequest, Message, ReplyEnd, Speaker, ToolCall, never
from tests.models.local.calls.test_led_calls import EDIT, make_chat, make_request
from tests.models.local.test_ctranslate_chat import chat_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.models.host.serving import Serving

    Serve = Callable[..., Serving]


def test_a_led_call_arrives_with_its_texts_as_the_local_model_made_it(serve: Serve) -> None:
    entry = chat_entry()
    local, engine = make_chat("edit_file", ' "a.py"}', '\nx = "1"\n```\n', '\nx = "\\n"\n```\n')
    with_host = serve(**{entry.name: (entry, lambda: local)}).chat(entry)
    reply = with_host.chat(make_request(), cancelled=never, on_text=lambda _: None)
    expected = {"path": "a.py", "replacements": [{"old": 'x = "1"\n', "new": 'x = "\\n"\n'}]}
    assert reply.calls == (ToolCall("call_0", "edit_file", expected),)
    assert reply.end is ReplyEnd.TOOLS
    assert "Behind the call: `old`, `new`." in engine.prompts[0]


def test_earlier_calls_and_results_reach_the_local_model(serve: Serve) -> None:
    entry = chat_entry()
    local, engine = make_chat("answer_in_words", "Done.")
    with_host = serve(**{entry.name: (entry, lambda: local)}).chat(entry)
    call = ToolCall("1", "edit_file", {"path": "a.py", "replacements": [{"old": "x\n", "new": "y\n"}]})
    messages = (
        Message(Speaker.USER, "Go."),
        Message(Speaker.ASSISTANT, "", (call,)),
        Message(Speaker.TOOL, "It is changed.", call_id="1"),
    )
    reply = with_host.chat(ChatRequest(messages, (EDIT,)), cancelled=never)
    assert (reply.text, reply.calls) == ("Done.", ())
    assert "old:\n```\nx\n```\nnew:\n```\ny\n```" in engine.prompts[0]
    assert "It is changed." in engine.prompts[0]
