"""Answers by schema: validated, corrected once, and named when they never fit."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from models.chat import ChatError, ChatRequest, Fault, Message, Speaker, never
from models.scripted.scripted_chat import ScriptedChat
from models.structured_answers import ask_structured


class Sum(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first: int
    second: int


QUESTION = ChatRequest((Message(Speaker.SYSTEM, "Be brief."), Message(Speaker.USER, "Split 3.")))


@pytest.mark.parametrize(
    "answer",
    [
        '{"first": 1, "second": 2}',
        '```json\n{"first": 1, "second": 2}\n```',
        'Here you are: {"first": 1, "second": 2} - anything else?',
        '<think>{"first": 9}?</think>\n{"first": 1, "second": 2}',
    ],
)
def test_an_answer_of_the_form_is_taken(answer: str) -> None:
    chat = ScriptedChat(f"===\n{answer}")
    found = ask_structured(chat, QUESTION, Sum, cancelled=never)
    assert found.value == Sum(first=1, second=2)
    assert found.usage.requests == 1


def test_the_form_goes_out_as_a_schema_and_in_words() -> None:
    chat = ScriptedChat('===\n{"first": 1, "second": 2}')
    ask_structured(chat, QUESTION, Sum, cancelled=never)
    (sent,) = chat.requests
    assert sent.schema is not None
    assert sent.schema.schema["required"] == ["first", "second"]
    assert sent.messages[0].text.startswith("Be brief.")
    assert '"required": ["first", "second"]' in sent.messages[0].text


def test_a_wrong_answer_is_sent_back_once_with_what_is_wrong() -> None:
    chat = ScriptedChat('=== does not fit\n{"first": 1, "second": 2}\n===\n{"first": 1, "third": "x"}')
    found = ask_structured(chat, QUESTION, Sum, cancelled=never)
    assert found.value == Sum(first=1, second=2)
    assert found.usage.requests == 2
    correction = chat.requests[1].messages[-1].text
    assert "second: Field required" in correction
    assert chat.requests[1].messages[-2] == Message(Speaker.ASSISTANT, '{"first": 1, "third": "x"}')


def test_an_answer_cut_off_is_asked_for_shorter() -> None:
    chat = ScriptedChat('=== be shorter\n{"first": 1, "second": 2}\n===\n@end length\n{"first": 1, "sec')
    assert ask_structured(chat, QUESTION, Sum, cancelled=never).value == Sum(first=1, second=2)


def test_a_model_that_never_keeps_to_the_form_is_named() -> None:
    with pytest.raises(ChatError, match="did not answer in the form") as caught:
        ask_structured(ScriptedChat("===\nno"), QUESTION, Sum, cancelled=never)
    assert caught.value.fault is Fault.WRONG_FORM
    assert caught.value.usage.requests == 2


def test_who_gives_up_gets_nothing() -> None:
    assert ask_structured(ScriptedChat("===\n@hang"), QUESTION, Sum, cancelled=lambda: True).value is None
