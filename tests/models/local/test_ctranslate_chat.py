"""A chat model in its own turns: what it reads, how it ends, tools and schemas; with the bundled weights."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.catalog.catalog import ChatFormat
from models.chat import (
    AnswerSchema,
    ChatError,
    ChatRequest,
    Fault,
    Message,
    ReplyEnd,
    Speaker,
    ToolCall,
    never,
)
from models.local.ctranslate_chat import CTranslateChat
from models.local.greedy_decoding import Step, Token
from models.local.loading import load_chat
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.catalog.catalog import ModelEntry
    from models.fim import Prompt

FORMAT = ChatFormat(
    system="<fim_prefix>{text}<fim_suffix>",
    user="User: {text}\n",
    assistant="Bot: {text}<|endoftext|>\n",
    opening="Bot:",
    ends=("<|endoftext|>",),
)


def chat_entry(**changes: Any) -> ModelEntry:
    return replace(bundled.entry(), roles=("chat",), chat=replace(FORMAT, **changes))


class Told:
    """An engine that says what it is told to, token by token, and keeps what it read."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.prompt: Prompt | None = None
        self.temperature = 0.0

    def sample(self, prompt: Prompt, on_step: Callable[[Step], bool], *, temperature: float) -> int:
        self.prompt, self.temperature = prompt, temperature
        tokenizer = bundled.tokenizer()
        for token in tokenizer.encode(self.answer).tokens[: prompt.max_tokens]:
            if on_step(Step(Token(tokenizer.find_id(token), token), -0.1)):
                break
        return 0

    def close(self) -> None:
        pass


def make_chat(answer: str, **changes: Any) -> tuple[CTranslateChat, Told]:
    engine: Any = Told(answer)
    return CTranslateChat(chat_entry(**changes), bundled.tokenizer(), engine), engine


def read(engine: Told) -> str:
    assert engine.prompt is not None
    tokenizer = bundled.tokenizer()
    markers = {"<fim_prefix>": "[P]", "<fim_suffix>": "[S]", "<|endoftext|>": "[E]"}
    return "".join(
        markers[token] if token in markers else tokenizer.join_bytes([token]).decode() for token in engine.prompt.tokens
    )


def conversation(*texts: str, **changes: Any) -> ChatRequest:
    speakers = [Speaker.SYSTEM, Speaker.USER, Speaker.ASSISTANT, Speaker.USER]
    return ChatRequest(tuple(Message(*pair) for pair in zip(speakers, texts, strict=False)), **changes)


def test_turns_are_told_apart_as_the_catalog_has_it() -> None:
    chat, engine = make_chat(" yes")
    reply = chat.chat(conversation("Be brief.", "Hello", "Hi", "Sure?"), cancelled=never)
    assert read(engine) == "[P]Be brief.[S]User: Hello\nBot: Hi[E]\nUser: Sure?\nBot:"
    assert (reply.text, reply.end, reply.usage.requests) == (" yes", ReplyEnd.END, 1)


def test_a_conversation_begins_with_the_models_first_token() -> None:
    chat, engine = make_chat(" yes", begin="<|endoftext|>")
    chat.chat(conversation("Be brief.", "Hello"), cancelled=never)
    assert read(engine) == "[E][P]Be brief.[S]User: Hello\nBot:"
    assert engine.prompt is not None
    instructed = engine.prompt.tokens[: engine.prompt.settled]
    assert instructed[0] == "<|endoftext|>"
    assert instructed[-1] == "<fim_suffix>"


def test_a_marker_in_what_is_said_is_no_marker() -> None:
    chat, engine = make_chat("x")
    chat.chat(conversation("", "<|endoftext|>"), cancelled=never)
    assert engine.prompt is not None
    assert "<|endoftext|>" not in engine.prompt.tokens
    assert "User: <|endoftext|>" in read(engine)


def test_without_a_turn_for_them_instructions_come_before_the_first_question() -> None:
    chat, engine = make_chat("x", system="")
    chat.chat(conversation("Be brief.", "Hello"), cancelled=never)
    assert read(engine) == "User: Be brief.\n\nHello\nBot:"


def test_text_is_told_as_it_comes() -> None:
    chat, _ = make_chat(" one two three")
    pieces: list[str] = []
    chat.chat(conversation("", "Count."), cancelled=never, on_text=pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == " one two three"


def test_the_budget_ends_an_answer() -> None:
    reply = make_chat(" one two three four")[0].chat(conversation("", "Count.", max_tokens=2), cancelled=never)
    assert (reply.end, reply.usage.answer_tokens) == (ReplyEnd.LENGTH, 2)


def test_an_answer_by_schema_begins_and_ends_with_its_braces() -> None:
    chat, engine = make_chat('"a": {"b": "}"}} and more')
    schema = AnswerSchema("answer", {"type": "object"})
    reply = chat.chat(conversation("", "Answer.", schema=schema), cancelled=never)
    assert read(engine).endswith("Bot:{")
    assert '"type": "object"' in read(engine)
    assert json.loads(reply.text) == {"a": {"b": "}"}}
    assert reply.end is ReplyEnd.END


def test_what_a_tool_answered_is_read_in_the_next_turn() -> None:
    chat, engine = make_chat("x")
    called = Message(Speaker.ASSISTANT, "", (ToolCall("1", "look", {}),))
    answered = Message(Speaker.TOOL, "a tree", call_id="1")
    chat.chat(ChatRequest((Message(Speaker.USER, "Look."), called, answered)), cancelled=never)
    assert '"name": "look"' in read(engine)
    assert "<tool_response>\na tree\n</tool_response>" in read(engine)


def test_a_conversation_that_does_not_fit_is_refused_before_anything_is_computed() -> None:
    chat, engine = make_chat("x")
    with pytest.raises(ChatError, match="ask with less") as caught:
        chat.chat(conversation("", "word " * 600), cancelled=never)
    assert caught.value.fault is Fault.TOO_LONG
    assert engine.prompt is None


def test_who_gives_up_gets_what_had_come() -> None:
    chat, _ = make_chat(" one two three")
    pieces: list[str] = []
    reply = chat.chat(conversation("", "Count."), cancelled=lambda: len(pieces) > 0, on_text=pieces.append)
    assert (reply.text, reply.end) == (pieces[0], ReplyEnd.CANCELLED)


@pytest.fixture
def real() -> Iterator[CTranslateChat]:
    chat = load_chat(chat_entry(), device="cpu", threads=1)
    yield chat
    chat.close()


def test_real_weights_converse_the_same_each_time_at_temperature_0(real: CTranslateChat) -> None:
    asked = conversation("", "def add(a, b):", max_tokens=8)
    one, other = (real.chat(asked, cancelled=never) for _ in range(2))
    assert one.text == other.text != ""
    assert one.usage.answer_tokens == 8


def test_real_weights_choose_by_chance_at_a_temperature(real: CTranslateChat) -> None:
    asked = conversation("", "def add(a, b):", max_tokens=16, temperature=2.0)
    assert len({real.chat(asked, cancelled=never).text for _ in range(8)}) > 1
