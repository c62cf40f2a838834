"""The memory for answers: the same question once an hour, any other question always."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models.chat import AnswerSchema, ChatRequest, Message, Reply, ReplyEnd, Speaker, ToolSpec, never
from models.remote import reply_store
from models.remote.replies import CachedChat
from models.scripted.scripted_chat import ScriptedChat

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
SCRIPT = '=== 1 + 1\n@times 1\n@call add {"first": 1}\ntwo\n===\nmore'


def find_file(folder: Path) -> Path:
    """Return the file of the cached answers."""
    return folder / reply_store.FOLDER / reply_store.FILE


def ask(chat: CachedChat, request: ChatRequest = QUESTION) -> Reply:
    return chat.chat(request, cancelled=never)


def test_the_same_question_is_answered_from_memory(tmp_path: Path) -> None:
    model = ScriptedChat(SCRIPT)
    chat = CachedChat(model, tmp_path)
    first, pieces = ask(chat), list[str]()
    second = chat.chat(QUESTION, cancelled=never, on_text=pieces.append)
    assert (second.text, second.end, second.calls) == (first.text, first.end, first.calls)
    assert (first.cached, second.cached, second.usage.requests) == (False, True, 0)
    assert pieces == ["two"]
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, messages=(Message(Speaker.USER, "1 + 2?"),)),
        replace(QUESTION, max_tokens=7),
        replace(QUESTION, tools=(ToolSpec("add", "Adds.", {"type": "object"}),)),
        replace(QUESTION, schema=AnswerSchema("sum", {"type": "object"})),
        replace(QUESTION, temperature=None),
    ],
)
def test_any_other_question_is_asked(tmp_path: Path, other: ChatRequest) -> None:
    model = ScriptedChat(SCRIPT)
    chat = CachedChat(model, tmp_path)
    ask(chat)
    assert not ask(chat, other).cached


def test_another_model_is_asked(tmp_path: Path) -> None:
    ask(CachedChat(ScriptedChat(SCRIPT), tmp_path))
    assert not ask(CachedChat(ScriptedChat(SCRIPT), tmp_path)).cached


def test_a_question_that_wants_variety_is_always_asked(tmp_path: Path) -> None:
    chat = CachedChat(ScriptedChat(SCRIPT), tmp_path)
    varied = replace(QUESTION, temperature=0.7)
    assert [ask(chat, varied).text for _ in range(2)] == ["two", "more"]


def test_an_answer_is_forgotten_after_its_time(tmp_path: Path) -> None:
    chat = CachedChat(ScriptedChat(SCRIPT), tmp_path, kept_s=0.0)
    assert [ask(chat).text for _ in range(2)] == ["two", "more"]


def test_half_an_answer_is_not_kept(tmp_path: Path) -> None:
    chat = CachedChat(ScriptedChat("===\n@times 1\n@end length\nha\n===\nwhole"), tmp_path)
    assert ask(chat).end is ReplyEnd.LENGTH
    assert ask(chat).text == "whole"


def test_a_folder_that_cannot_be_used_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    chat = CachedChat(ScriptedChat(SCRIPT), tmp_path / "taken" / "replies")
    assert [ask(chat).text for _ in range(2)] == ["two", "more"]


def test_a_file_in_the_place_of_the_folder_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("a file")
    chat = CachedChat(ScriptedChat(SCRIPT), tmp_path / "replies")
    assert [ask(chat).text for _ in range(2)] == ["two", "two"]
    assert [path.read_text() for path in tmp_path.iterdir() if path.is_file()] == ["a file"]


def test_a_damaged_memory_costs_only_the_memory(tmp_path: Path) -> None:
    chat = CachedChat(ScriptedChat(SCRIPT), tmp_path)
    ask(chat)
    find_file(tmp_path).write_bytes(b"no database" * 1000)
    assert ask(chat).text == "more"
