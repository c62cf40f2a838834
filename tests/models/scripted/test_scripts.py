"""Scripts in plain text, and the chat model that speaks them in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, ReplyEnd, Speaker, never
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripts import DIRECTIVES, Script, ScriptError

QUESTION = ChatRequest((Message(Speaker.USER, "Explain this."),))


def test_the_first_section_that_fits_and_is_not_used_up_answers() -> None:
    script = Script.parse("# about\n\n=== EXPLAIN\n@times 1\nfirst\n=== explain\nsecond\n===\nrest")
    said = [script.take(words) for words in ("explain it", "explain it", "explain it", "hello")]
    assert [turn.text for turn in said if turn] == ["first", "second", "second", "rest"]


def test_a_conversation_that_no_section_fits_gets_nothing() -> None:
    assert Script.parse("=== explain\nyes").take("hello") is None


def test_an_answer_may_hold_anything() -> None:
    script = Script.parse("===\n\n@decorated\n\\=== rule ===\n\\@times 3\n# not a comment\n")
    assert script.turns[0].text == "\n@decorated\n=== rule ===\n@times 3\n# not a comment"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no section"),
        ("hello", "Line 1 .* before the first section"),
        ("===\n@shout\nyes", "Line 2 .* no @shout"),
        ("===\n@times often", "@times takes a number"),
        ("===\n@status", "@status takes"),
        ("===\n@call weather [1]", "@call takes"),
        ("===\n@end soon", "@end takes"),
    ],
)
def test_what_is_no_script_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        Script.parse(text)


def test_the_model_says_it_in_pieces() -> None:
    pieces: list[str] = []
    reply = ScriptedChat("===\nOne and two.").chat(QUESTION, cancelled=never, on_text=pieces.append)
    assert "".join(pieces) == reply.text == "One and two."
    assert reply.end is ReplyEnd.END


@pytest.mark.parametrize(
    ("directive", "fault"),
    [
        ("@status 429 retry-after=5", Fault.RATE_LIMITED),
        ("@status 500", Fault.OVERLOADED),
        ("@malformed", Fault.MALFORMED),
        ("@break-after 1", Fault.UNREACHABLE),
    ],
)
def test_the_model_fails_as_its_script_says(directive: str, fault: Fault) -> None:
    with pytest.raises(ChatError) as caught:
        ScriptedChat(f"===\n{directive}\nOne and two.").chat(QUESTION, cancelled=never)
    assert caught.value.fault is fault


def test_the_model_can_be_given_up_and_switched_off() -> None:
    chat = ScriptedChat("===\n@hang")
    assert chat.chat(QUESTION, cancelled=lambda: True).end is ReplyEnd.CANCELLED
    chat.close()
    with pytest.raises(ChatError) as caught:
        chat.chat(QUESTION, cancelled=never)
    assert caught.value.fault is Fault.CLOSED


def test_the_page_about_scripts_names_all_directives_and_its_script_can_be_read() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scripted.md").read_text(encoding="utf-8")
    assert [name for name in DIRECTIVES if f"`@{name}" not in page] == []
    example = page.split("```text\n")[1].split("```")[0]
    script = Script.parse(example)
    taken = [script.take("@coder use math.pi in area.py") for _ in range(3)]
    assert [[call.name for call in one.calls] for one in taken if one is not None] == [["read_file"], ["edit_file"], []]
    router = script.take("Choose who of a team of agents answers a request.")
    assert router is not None
    assert json.loads(router.text) == {"role": "coder"}
