from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.completion.beginnings import find_beginning, list_beginnings
from agents.completion.completion_policy import CompletionPolicy
from agents.suggestions import Trigger
from tests.agents.completion.editor import SURE, make_model
from tests.agents.doubles import MemoryIndex, make_recalled, parse_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.records import Recalled
    from tests.agents.completion.editor import Editor


def recall(lines: dict[str, float], votes: int = 3) -> tuple[Recalled, ...]:
    return tuple(make_recalled(line, votes=votes, confidence=sure) for line, sure in lines.items())


def list_texts(lines: dict[str, float], fixture: str = "x = $0\n") -> set[str]:
    return {one.text for one in list_beginnings(recall(lines), parse_cursor(fixture))}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, set[str]()),
        ({"count": 0.5}, set[str]()),
        ({"count(values)": 0.5}, {"count", "count(values"}),
        ({"first, second": 0.4, "first, third": 0.3}, {"first"}),
        ({"counts(a)": 0.3, "counted(a)": 0.3}, {"counts", "counts(a", "counted", "counted(a"}),
        ({"counts(a)": 0.4, "other(a)": 0.05, "third(a)": 0.05}, {"counts", "counts(a"}),
        ({"color('red one')": 0.4}, {"color"}),
        ({"a.b": 0.4, "a.c": 0.3}, set[str]()),
        ({"value": 0.3, "value.name": 0.3}, {"value"}),
    ],
)
def test_beginnings_end_with_words_or_brackets_and_are_no_line_alone(
    lines: dict[str, float], expected: set[str]
) -> None:
    assert list_texts(lines) == expected


def test_the_more_of_the_lines_have_a_beginning_the_likelier_it_is() -> None:
    found = {
        one.text: one.probability
        for one in list_beginnings(recall({"first(a, b)": 0.3, "first(a, c)": 0.3, "third": 0.1}), parse_cursor("$0\n"))
    }
    assert found["first"] > found["first(a"] > found["first(a, b"]


def test_the_longest_beginning_that_is_likely_enough_is_found() -> None:
    lines = recall({"first(a, b)": 0.4, "first(a, c)": 0.3})
    cursor = parse_cursor("$0\n")
    probabilities = {one.text: one.probability for one in list_beginnings(lines, cursor)}
    assert find_beginning(lines, cursor, probabilities["first(a"]) == ("first(a", probabilities["first(a"])
    assert find_beginning(lines, cursor, 1.0) is None


def make_index() -> MemoryIndex:
    return MemoryIndex(
        recalled=(
            make_recalled("if value is not None:", confidence=0.45, votes=9),
            make_recalled("if value is not None and other:", confidence=0.4, votes=9),
        )
    )


FIXTURE = "def f(value, other):\n    $0\n"


def test_while_typing_what_likely_lines_have_in_common_is_suggested(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(FIXTURE)
    assert [one.text for one in shown.suggestions] == ["if value is not None"]


def test_a_whole_line_that_is_likely_enough_comes_first(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("return other", confidence=0.65), *make_index().recalled))
    assert open_editor(index=index).complete(FIXTURE) == "def f(value, other):\n    return other\n"


def test_a_beginning_has_to_be_likelier_than_a_line(open_editor: Callable[..., Editor]) -> None:
    assert open_editor(index=make_index(), policy=CompletionPolicy(threshold=0.84)).complete(FIXTURE) == ""


def test_a_model_is_asked_for_the_whole_line_before_a_beginning_is_shown(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("return value", SURE), index=make_index())
    assert "return value" in editor.complete(FIXTURE)


def test_a_person_who_asks_gets_whole_lines(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(FIXTURE, trigger=Trigger.INVOKED, limit=3)
    assert [one.text[-1] for one in shown.suggestions] == [":", ":"]
