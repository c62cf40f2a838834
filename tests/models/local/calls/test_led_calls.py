"""A local model led to a call, with a scripted engine: names by score, arguments checked, texts in fences."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from models.chat import ChatRequest, Message, ReplyEnd, Speaker, ToolCall, ToolSpec, never
from models.local.calls.call_format import ANSWER, OPENING
from models.local.ctranslate_chat import CTranslateChat
from models.local.greedy_decoding import Step, Token
from models.local.loading import load_chat
from tests.models import bundled
from tests.models.local.test_ctranslate_chat import chat_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.fim import Prompt
    from models.local.greedy_decoding import Steering

READ = ToolSpec(
    "read_file",
    "Reads.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "first": {"type": "integer", "minimum": 1}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
RENAME = ToolSpec("rename_file", "Renames.", {"type": "object", "properties": {}})
WRITE = ToolSpec(
    "write_file",
    "Writes.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
        "required": ["path", "text"],
    },
)
EDIT = ToolSpec(
    "edit_file",
    "Edits.",
    {
        "type": "object",
        "$defs": {
            "Piece": {
                "type": "object",
                "properties": {"old": {"type": "string", "minLength": 1}, "new": {"type": "string"}},
                "required": ["old", "new"],
            }
        },
        "properties": {
            "path": {"type": "string"},
            "replacements": {"type": "array", "items": {"$ref": "#/$defs/Piece"}, "minItems": 1},
        },
        "required": ["path", "replacements"],
    },
)
TOOLS = (READ, RENAME, WRITE, EDIT)


@dataclass
class ScriptedEngine:
    """An engine that finds its next name likeliest, and says its answers in turn; remembers the prompts."""

    names: list[str]
    answers: list[str]
    prompts: list[str] = field(default_factory=list)
    scored: int = 0

    def decode(
        self, prompt: Prompt, on_step: Callable[[Step], bool], *, ranked: int, steering: Steering
    ) -> tuple[int, tuple[tuple[int, float], ...]]:
        """Return a ranking of the allowed tokens, in which those of the next name come first."""
        del on_step, ranked
        self.scored += 1
        begun = decode(prompt).rpartition(OPENING)[2]
        wanted = f'{self.names[0]}",'
        ids = steering.list_allowed()
        assert ids is not None
        likely = max(ids, key=lambda one: len(spell(one)) if wanted.startswith(begun + spell(one)) else -1)
        return 0, tuple((one, -0.1 if one == likely else -9.0) for one in ids)

    def sample(self, prompt: Prompt, on_step: Callable[[Step], bool], *, temperature: float) -> int:
        """Say the next answer, token by token."""
        del temperature
        self.names = self.names[1:] or self.names
        self.prompts.append(decode(prompt))
        tokenizer = bundled.tokenizer()
        for token in tokenizer.encode(self.answers.pop(0)).tokens[: prompt.max_tokens]:
            if on_step(Step(Token(tokenizer.find_id(token), token), -0.1)):
                break
        return 0


def spell(number: int) -> str:
    """Return the text of the token with the id `number`."""
    tokenizer = bundled.tokenizer()
    return tokenizer.join_bytes([tokenizer.find_token(number)]).decode()


def decode(prompt: Prompt) -> str:
    """Return a prompt as text, without its markers."""
    tokenizer = bundled.tokenizer()
    ids = [tokenizer.find_id(token) for token in prompt.tokens]
    return tokenizer.decode(ids)


def make_chat(name: str, *answers: str) -> tuple[CTranslateChat, ScriptedEngine]:
    """Return a model that finds `name` likeliest, and says `answers` in turn."""
    scripted = ScriptedEngine([name], list(answers))
    engine: Any = scripted
    return CTranslateChat(replace(chat_entry(), context_tokens=4096), bundled.tokenizer(), engine), scripted


def make_request(*tools: ToolSpec, max_tokens: int = 100) -> ChatRequest:
    """Return a request with `tools`; with all of them if none is given."""
    return ChatRequest((Message(Speaker.USER, "Do it."),), tools or TOOLS, max_tokens=max_tokens)


def test_the_likeliest_name_is_taken_and_its_arguments_are_opened() -> None:
    chat, engine = make_chat("read_file", ' "a.py", "first": 3}}</tool_call> and more')
    reply = chat.chat(make_request(), cancelled=never)
    assert (reply.text, reply.end) == ("", ReplyEnd.TOOLS)
    assert reply.calls == (ToolCall("call_0", "read_file", {"path": "a.py", "first": 3}),)
    assert engine.prompts[0].endswith(f'{OPENING}read_file", "arguments": {{"path":')
    assert reply.usage.answer_tokens > 0


@pytest.mark.parametrize("name", [one.name for one in TOOLS] + [ANSWER])
def test_each_name_can_be_chosen_and_only_shared_beginnings_are_scored(name: str) -> None:
    chat, engine = make_chat(name, ' "a.py"}', "\nx = 1\n```", "\nx = 2\n```")
    reply = chat.chat(make_request(), cancelled=never)
    assert [one.name for one in reply.calls] == ([] if name == ANSWER else [name])
    assert engine.scored <= 6


def test_an_answer_in_words_is_passed_on_as_it_comes() -> None:
    chat, engine = make_chat(ANSWER, " It is a < b.")
    pieces: list[str] = []
    reply = chat.chat(make_request(), cancelled=never, on_text=pieces.append)
    assert (reply.text, reply.end, reply.calls) == (" It is a < b.", ReplyEnd.END, ())
    assert "".join(pieces) == reply.text
    assert len(pieces) > 1
    assert "answer_in_words" not in engine.prompts[0]
    assert "<tools>" not in engine.prompts[0]


def test_a_call_that_an_answer_in_words_begins_is_led() -> None:
    chat, engine = make_chat(ANSWER, 'Wait.<tool_call>\n{"name": "nonsense', ' "a.py"}')
    engine.names.append("read_file")
    pieces: list[str] = []
    reply = chat.chat(make_request(READ, RENAME), cancelled=never, on_text=pieces.append)
    assert (reply.text, "".join(pieces)) == ("Wait.", "Wait.")
    assert [one.name for one in reply.calls] == ["read_file"]


@pytest.mark.parametrize("written", [
    " 'a.py', 'first': 3,}", ' "a.py", "first": "3"}', ' "a.py", "first": 3.0, "color": "red"}', ' "a.py", "first": 3',
])  # fmt: skip
def test_broken_arguments_are_repaired(written: str) -> None:
    chat, engine = make_chat("read_file", written)
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls == (ToolCall("call_0", "read_file", {"path": "a.py", "first": 3}),)
    assert len(engine.prompts) == 1


def test_an_invalid_call_is_asked_for_once_more_with_its_problems() -> None:
    chat, engine = make_chat("read_file", ' "a.py", "first": 0}', ' "a.py", "first": 1}')
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls == (ToolCall("call_0", "read_file", {"path": "a.py", "first": 1}),)
    assert "This call of read_file is not valid: first is less than 1. Write it again." in engine.prompts[1]
    assert '{"path": "a.py", "first": 0}' in engine.prompts[1]


@pytest.mark.parametrize(("written", "problem"), [
    (' {"x": 1}}', "path has to be of the type string"),
    ("", "its arguments are missing"),
    (" " + "7" * 200, "its arguments were cut off; be shorter"),
])  # fmt: skip
def test_a_call_that_stays_invalid_is_no_call_and_the_text_says_why(written: str, problem: str) -> None:
    chat, _ = make_chat("read_file", written, written)
    reply = chat.chat(make_request(max_tokens=60), cancelled=never)
    assert (reply.calls, reply.end) == ((), ReplyEnd.END)
    assert reply.text.startswith("[No valid call of read_file was written:")
    assert problem in reply.text


def test_a_tool_without_arguments_is_called_without_decoding() -> None:
    chat, engine = make_chat("rename_file")
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls == (ToolCall("call_0", "rename_file", {}),)
    assert engine.prompts == []


def test_a_long_text_comes_in_a_fence_behind_the_call() -> None:
    code = 'x = "a\\n"\n\n```python\ny = {\n```\n'
    chat, engine = make_chat("write_file", ' "a.md"}', f"markdown\n{code}```\nThat is all.")
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls == (ToolCall("call_0", "write_file", {"path": "a.md", "text": code}),)
    assert engine.prompts[1].endswith('{"path": "a.md"}}\n</tool_call>\ntext:\n```')
    assert "Behind the call: `text`." in engine.prompts[0]


def test_the_pieces_of_an_edit_come_in_two_fences() -> None:
    chat, engine = make_chat("edit_file", ' "a.py"}', "\nx = 1\n```", "\nx = 2\n```")
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls[0].arguments == {"path": "a.py", "replacements": [{"old": "x = 1\n", "new": "x = 2\n"}]}
    assert engine.prompts[2].endswith("old:\n```\nx = 1\n```\nnew:\n```")


def test_an_edit_of_nothing_is_asked_for_once_more() -> None:
    chat, engine = make_chat("edit_file", ' "a.py"}', "\n```", "\nx\n```", ' "a.py"}', "x\n```", "y\n```")
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls[0].arguments["replacements"] == [{"old": "x\n", "new": "y\n"}]
    assert "replacements[0].old has fewer than 1 characters" in engine.prompts[3]


def test_an_empty_text_is_asked_for_once_more_and_then_taken() -> None:
    chat, engine = make_chat("write_file", ' "a.py"}', "\n```\n", ' "a.py"}', "```\n")
    reply = chat.chat(make_request(), cancelled=never)
    assert reply.calls == (ToolCall("call_0", "write_file", {"path": "a.py", "text": ""}),)
    assert "text is empty; write the text into the fence" in engine.prompts[2]
    assert engine.prompts[3].endswith("text:\n```\n")


def test_a_text_that_is_cut_off_is_no_call() -> None:
    chat, _ = make_chat("write_file", ' "a.md"}', "\n" + "word " * 200, ' "a.md"}', "\n" + "word " * 200)
    reply = chat.chat(make_request(max_tokens=60), cancelled=never)
    assert reply.calls == ()
    assert "cut off" in reply.text


def test_earlier_calls_are_shown_as_the_model_has_to_write_them() -> None:
    chat, engine = make_chat(ANSWER, "Done.")
    edited = {"path": "a.py", "replacements": [{"old": "x = 1\n", "new": "x = 2\n"}]}
    calls = (ToolCall("1", "edit_file", edited), ToolCall("2", "read_file", {"path": "a.py"}))
    request = ChatRequest(
        (Message(Speaker.USER, "Go."), Message(Speaker.ASSISTANT, "", calls), Message(Speaker.TOOL, "ok", call_id="1")),
        TOOLS,
    )
    chat.chat(request, cancelled=never)
    head = '{"name": "edit_file", "arguments": {"path": "a.py"}}\n</tool_call>\n'
    shown = head + "old:\n```\nx = 1\n```\nnew:\n```\nx = 2\n```"
    assert shown in engine.prompts[0]
    assert json.dumps({"name": "read_file", "arguments": {"path": "a.py"}}) in engine.prompts[0]


def test_a_cancelled_request_has_no_call() -> None:
    chat, engine = make_chat("read_file", ' "a.py"}')
    reply = chat.chat(make_request(), cancelled=lambda: engine.scored > 2 or bool(engine.prompts))
    assert (reply.end, reply.calls) == (ReplyEnd.CANCELLED, ())


@pytest.fixture
def real() -> Iterator[CTranslateChat]:
    """Yield the bundled weights as a chat model."""
    chat = load_chat(chat_entry(), device="cpu", threads=1)
    yield chat
    chat.close()


def test_real_weights_that_know_no_tools_call_validly_or_not_at_all(real: CTranslateChat) -> None:
    reply = real.chat(make_request(READ, RENAME, max_tokens=60), cancelled=never)
    assert [one.name for one in reply.calls] in ([], ["read_file"], ["rename_file"])
    assert all(isinstance(one.arguments.get("path", ""), str) for one in reply.calls)
