from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.completion.beginnings import find_beginning
from agents.suggestions import Trigger
from tests.agents.completion.editor import SURE, make_model
from tests.agents.doubles import MemoryIndex, make_recalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agents.completion.editor import Editor


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({"a is not None:": 0.4, "a is not None and b:": 0.3}, "a is not None"),
        ({"a is not None:": 0.4, "a is not None": 0.3}, "a is not None"),
        ({"count(values)": 0.4, "count(value)": 0.3}, "count"),
        ({"first, second": 0.3, "first, third": 0.2, "first(a)": 0.2}, "first"),
        ({"first(a), second": 0.3, "first(a), third": 0.4}, "first(a)"),
        ({'color("red one")': 0.3, 'color("red two")': 0.3}, "color"),
        ({"self.one": 0.3, "self.two": 0.3, "other": 0.3}, "self"),
    ],
)
def test_the_beginning_is_the_longest_one_that_is_likely_enough(lines: dict[str, float], expected: str) -> None:
    found = find_beginning(lines.items(), 0.5)
    assert found is not None
    assert found[0] == expected
    assert found[1] == pytest.approx(sum(sure for line, sure in lines.items() if line.startswith(expected)))


@pytest.mark.parametrize(
    "lines",
    [
        {},
        {"count(values)": 0.9},
        {"count(values)": 0.3, "total(values)": 0.3},
        {"counts": 0.3, "counted": 0.3},
        {"a.one": 0.4, "a.two": 0.4},
        {"count(values)": 0.2, "count(value)": 0.2},
    ],
)
def test_there_is_none_without_several_lines_whole_words_and_probability(lines: dict[str, float]) -> None:
    assert find_beginning(lines.items(), 0.5) is None


def make_index() -> MemoryIndex:
    return MemoryIndex(
        recalled=(
            make_recalled("if value is not None:", confidence=0.4),
            make_recalled("if value is not None and other:", confidence=0.3),
        )
    )


FIXTURE = "def f(value, other):\n    $0\n"


def test_while_typing_what_likely_lines_have_in_common_is_suggested(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(FIXTURE)
    assert [(one.text, one.confidence) for one in shown.suggestions] == [("if value is not None", pytest.approx(0.7))]


def test_a_whole_line_that_is_likely_enough_comes_first(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("if value:", confidence=0.55), *make_index().recalled))
    assert open_editor(index=index).complete(FIXTURE) == "def f(value, other):\n    if value:\n"


def test_a_model_is_asked_for_the_whole_line_before_a_beginning_is_shown(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("return value", SURE), index=make_index())
    assert "return value" in editor.complete(FIXTURE)


def test_a_person_who_asks_gets_whole_lines(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(FIXTURE, trigger=Trigger.INVOKED, limit=3)
    assert [one.text[-1] for one in shown.suggestions] == [":", ":"]
