"""Answers that are one JSON object: found, repaired, cut, and refused in a sentence."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from pydantic import BaseModel

from agents.team.workflows.board_records import Ruling, Verdict, load_board
from agents.team.workflows.json_answers import LONGEST_READ, cut_to, parse_record


class Note(BaseModel):
    """A record with two texts and a number."""

    title: Annotated[str, cut_to(5, needed=True)]
    text: Annotated[str, cut_to(40)] = ""
    number: int = 0


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "A", "number": 3}',
        'Here it is:\n```json\n{"title": "A", "number": 3}\n```\nThat is it {ok}.',
        '<think>{"title": "B"}</think>{"title": "A", "number": 3}',
        "{'title': 'A', 'number': 3,}",
        '{"title": "A", "number": 3',
        '{"title": "A",\n "number": "3"} // done',
    ],
)
def test_an_object_is_found_and_repaired(text: str) -> None:
    assert parse_record(text, Note) == Note(title="A", number=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no JSON object in it"),
        ("I would approve.", "there is no JSON object in it"),
        ("[1, 2]", "there is no JSON object in it"),
        ("{" * 5000, ""),
        ('{"number": 1}', "title: Field required"),
        ('{"title": "  "}', "title: Value error, it is empty"),
        ('{"title": 3}', "title: Input should be a valid string"),
        ('{"title": "A", "number": "many"}', "number: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!\{)") as raised:
        parse_record(text, Note)
    assert said in str(raised.value)


def test_texts_are_cut_written_on_one_line_and_without_secrets() -> None:
    note = parse_record(json.dumps({"title": "123456789", "text": "key\n AKIAIOSFODNN7EXAMPLQ"}), Note)
    assert note.title == "12345"
    assert note.text == "key [secret]"
    assert parse_record('{"title": "A", "text": null}', Note).text == ""
    with pytest.raises(ValueError, match="title: Field required"):
        parse_record('{"x": "' + "y" * LONGEST_READ + '", "title": "A"}', Note)


def test_a_verdict_needs_criteria_and_a_choice_its_name() -> None:
    with pytest.raises(ValueError, match="criteria are missing"):
        parse_record('{"verdict": "approve", "reasoning": "x"}', Verdict)
    with pytest.raises(ValueError, match="choice is empty"):
        parse_record('{"decision": "choose", "reasoning": "x"}', Ruling)
    assert parse_record('{"verdict": "Abstained", "reasoning": "x"}', Verdict).score is None


def test_the_score_is_the_mean_by_weight() -> None:
    heavy = {"name": "A", "threshold": 5, "weight": 3, "score": 8}
    light = {"name": "B", "threshold": 5, "weight": 1, "score": 4}
    text = json.dumps({"criteria": [heavy, light], "verdict": "approve", "reasoning": "x"})
    verdict = parse_record(text, Verdict)
    assert (verdict.score, verdict.missed) == (7.0, ("B",))


def test_what_is_no_board_is_none() -> None:
    assert load_board(None) is None
    assert load_board("{}") is None
    assert load_board("{") is None
    assert load_board({"id": "1", "question": "q", "given": 3}) is None
