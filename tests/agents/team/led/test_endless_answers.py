"""Answers of a led model that repeat themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from agents.team.led.endless_answers import ask_until_repeated, is_repeating
from models.chat import ChatRequest, Message, Reply, ReplyEnd, Speaker
from models.chat_layers import WrappedChat
from models.scripted.scripted_chat import ScriptedChat

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = "- The function should not change the text that it is given.\n"
ASSERTS = "".join(f'    assert slugify("Hello World", {size}) == "hello-world"\n' for size in range(30))
PROSE = """\
1. The slug has at most `max_length` characters.
2. It does not end with a hyphen.
3. Without the parameter nothing is cut.
4. An empty text stays empty.
"""
TABLE = "".join(f"    ({year}, {day}, {day * 7}),\n" for year, day in zip(range(2000, 2010), range(10), strict=True))
ASKED = ChatRequest((Message(Speaker.USER, "Write the tests."),))


class Lines(WrappedChat):
    """A model that writes `lines` one by one until it is cancelled."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(ScriptedChat("===\nNothing.\n"))
        self.lines = lines
        self.written = 0

    def chat(
        self, request: ChatRequest, *, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None = None
    ) -> Reply:
        assert request is ASKED
        text = ""
        for line in self.lines:
            if cancelled():
                return Reply(text, ReplyEnd.CANCELLED)
            text += line
            self.written += 1
            if on_text is not None:
                on_text(line)
        return Reply(text, ReplyEnd.END)


@pytest.mark.parametrize(
    "text",
    [
        PROSE + 5 * LINE,
        5 * ("The constraints are:\n" + LINE),
        ASSERTS,
        "".join(f"{number}. {LINE}" for number in range(1, 13)),
        "a = 1\n" + 240 * "\n",
        60 * "and so on\n",
    ],
)
def test_an_answer_without_an_end_is_recognized(text: str) -> None:
    assert is_repeating(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        PROSE,
        PROSE + 4 * LINE,
        TABLE,
        8 * "    }\n",
        30 * "x = 1\n",
        LINE + PROSE + LINE,
        PROSE + 79 * "=" + "\n",
    ],
)
def test_an_answer_that_goes_on_is_left_alone(text: str) -> None:
    assert not is_repeating(text)


def test_the_model_is_stopped_and_whole_lines_remain() -> None:
    chat = Lines([*PROSE.splitlines(keepends=True), *(100 * [LINE]), "The end"])
    shown: list[str] = []
    reply = asyncio.run(ask_until_repeated(chat, ASKED, lambda: False, shown.append))
    assert (reply.text, reply.end) == (PROSE + 5 * LINE, ReplyEnd.END)
    assert "".join(shown) == reply.text
    assert chat.written == 9


def test_an_answer_with_an_end_is_returned_as_it_is() -> None:
    chat = Lines(["Done: ", "nothing is cut."])
    assert asyncio.run(ask_until_repeated(chat, ASKED, lambda: False)).text == "Done: nothing is cut."


def test_a_cancelled_answer_stays_cancelled() -> None:
    chat = Lines(100 * [LINE])
    reply = asyncio.run(ask_until_repeated(chat, ASKED, lambda: chat.written >= 3))
    assert (reply.end, reply.text) == (ReplyEnd.CANCELLED, 3 * LINE)
