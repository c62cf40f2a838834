from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.completion.beginnings import WEIGHTS, ModelLine, compute_gain, list_beginnings, list_best
from agents.completion.candidates import Rank, compute_least_confidence
from agents.completion.completion_policy import CompletionPolicy
from agents.suggestions import Origin, Trigger
from models.catalog.show_filter import BEGINNING, BEGINNING_EVIDENCE, KINDS, ShowFilter
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.agents.completion.editor import SURE, make_model
from tests.agents.doubles import MemoryIndex, make_recalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.records import Recalled
    from tests.agents.completion.editor import Editor


def recall(lines: dict[str, float], votes: int = 3) -> tuple[Recalled, ...]:
    return tuple(make_recalled(line, votes=votes, confidence=sure) for line, sure in lines.items())


def list_texts(lines: dict[str, float]) -> set[str]:
    return {one.text for one in list_beginnings(recall(lines))}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, set[str]()),
        ({"count": 0.5}, {"count"}),
        ({"count(values)": 0.5}, {"count", "count(values", "count(values)"}),
        ({"first, second": 0.4, "first, third": 0.3}, {"first", "first, second", "first, third"}),
        ({"counts(a)": 0.4, "other(a)": 0.05, "third(a)": 0.05}, {"counts", "counts(a", "counts(a)"}),
        ({"color('red one')": 0.4}, {"color", "color('red one')"}),
        ({"a.b": 0.4, "a.c": 0.3}, {"a.b", "a.c"}),
        ({"value": 0.3, "value.name": 0.3}, {"value", "value.name"}),
        ({"if value:": 0.4}, {"if value", "if value:"}),
        ({"x": 0.9}, set[str]()),
    ],
)
def test_beginnings_end_with_words_or_brackets_or_are_a_line(lines: dict[str, float], expected: set[str]) -> None:
    assert list_texts(lines) == expected


def test_only_the_whole_of_a_line_is_one() -> None:
    found = {one.text: one.is_line for one in list_beginnings(recall({"value": 0.3, "value.name": 0.3}))}
    assert found == {"value": True, "value.name": True}
    assert not next(one for one in list_beginnings(recall({"value.name": 0.3})) if one.text == "value").is_line


def test_the_more_of_the_lines_have_a_beginning_the_likelier_it_is() -> None:
    found = {
        one.text: one.estimate_probability()
        for one in list_beginnings(recall({"first(a, b)": 0.3, "first(a, c)": 0.3, "third": 0.1}))
    }
    assert found["first"] > found["first(a"] > found["first(a, b"]


def test_the_beginning_with_the_greatest_gain_comes_first() -> None:
    lines = recall({"first(a, b)": 0.4, "first(a, c)": 0.3})
    found = list_best(lines, 0.3)
    gains = [compute_gain(one.text, sure, 0.3, is_line=one.is_line) for one, sure in found]
    assert found[0][0].text.startswith("first(a")
    assert gains == sorted(gains, reverse=True)
    assert all(sure == one.estimate_probability() >= 0.3 for one, sure in found)
    assert list_best(lines, 1.0) == []


def test_a_line_of_a_model_has_the_log_probabilities_of_its_beginnings() -> None:
    line = ModelLine("count(values)", (-0.1, -0.2, -3.0, -0.4), (5, 6, 12, 13), is_draft=False)
    found = {one.text: one for one in list_beginnings(recall({"count(others)": 0.2}), [line])}
    assert found["count"].evidence["own_total"] == pytest.approx(-0.1)
    assert found["count(values"].evidence["own_total"] == pytest.approx(-3.3)
    assert found["count(values"].evidence["own_worst"] == -3.0
    assert found["count(values"].evidence["own_alone"] == 1.0
    assert (found["count"].evidence["own_alone"], found["count"].evidence["recalled"]) == (0.0, 1.0)
    assert found["count(others)"].evidence["other"] == 1.0
    assert [found[text].has_model for text in ("count", "count(values)", "count(others)")] == [True, True, False]


def test_evidence_has_the_names_that_a_show_filter_may_weigh() -> None:
    line = ModelLine("count(values)", (-0.1,), (13,), is_draft=True)
    for one in list_beginnings(recall({"count(others)": 0.2}), [line]):
        assert set(one.evidence) == set(BEGINNING_EVIDENCE)
    for one in list_beginnings(recall({"count(others)": 0.2})):
        assert set(one.evidence) == set(WEIGHTS)


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
    (text,) = (one.text for one in shown.suggestions)
    assert text in {"if value is not", "if value is not None"}


def test_a_whole_line_that_is_likely_enough_is_suggested(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("return other", confidence=0.9), make_recalled("pass", confidence=0.1)))
    assert open_editor(index=index).complete(FIXTURE) == "def f(value, other):\n    return other\n"


def test_what_is_suggested_has_twice_the_odds_of_the_threshold(open_editor: Callable[..., Editor]) -> None:
    assert compute_least_confidence(0.6, Origin.RECALL, Rank.USUAL) == pytest.approx(0.75)
    assert [compute_least_confidence(each, Origin.RECALL, Rank.USUAL) for each in (0.0, 1.0)] == [0.0, 1.0]
    assert compute_least_confidence(0.6, Origin.MODEL, Rank.WRITTEN) == 0.6
    best = max(one.estimate_probability() for one in list_beginnings(make_index().recalled))
    odds = best / (1 - best) / 2
    below, above = ((odds + step) / (1 + odds + step) for step in (-0.01, 0.01))
    assert open_editor(index=make_index(), policy=CompletionPolicy(threshold=below)).ask(FIXTURE).suggestions
    assert not open_editor(index=make_index(), policy=CompletionPolicy(threshold=above)).ask(FIXTURE).suggestions


def test_a_model_is_not_asked_if_recall_is_sure_enough(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("return value", SURE), index=make_index())
    assert "if value is not" in editor.complete(FIXTURE)


def test_the_beginning_of_a_models_line_is_suggested_with_the_weights_of_its_filter(
    open_editor: Callable[..., Editor],
) -> None:
    weights = {"one": 5.0, "characters": -1.0, "own_line": -9.0, "words": -1.0}
    lines = {kind: {"one": -3.0} for kind in KINDS}
    entry = replace(ENTRY, show_filter=ShowFilter({**lines, BEGINNING: weights}))
    model = ScriptedModel(lambda _: "count(values)", log_prob=SURE, entry=entry)
    shown = open_editor(model).ask("total = $0\n")
    assert [(one.text, one.origin, one.model) for one in shown.suggestions] == [("count", Origin.MODEL, ENTRY.name)]
    without = ScriptedModel(
        lambda _: "count(values)", log_prob=SURE, entry=replace(ENTRY, show_filter=ShowFilter(lines))
    )
    assert not open_editor(without).ask("total = $0\n").suggestions


def test_a_person_who_asks_gets_whole_lines(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(FIXTURE, trigger=Trigger.INVOKED, limit=3)
    assert [one.text[-1] for one in shown.suggestions] == [":", ":"]
