"""Arguments against a JSON schema: valid ones pass, each violation is named, certain mistakes are repaired."""

from __future__ import annotations

from typing import Any

import pytest

from models.local.calls.argument_check import MOST_PROBLEMS, find_problems, repair_arguments

SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {"Step": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}},
    "properties": {
        "path": {"type": "string", "minLength": 1, "maxLength": 9},
        "first": {"type": "integer", "minimum": 1},
        "ratio": {"type": "number", "exclusiveMaximum": 1},
        "deep": {"type": "boolean"},
        "kind": {"enum": ["a", "b"], "type": "string"},
        "names": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["path"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("value", [
    {"path": "a"},
    {"path": "a", "first": 1, "ratio": 0.5, "deep": True, "kind": "b", "names": ["x", "y"]},
    {"path": "a", "steps": [{"what": "look"}], "limit": None},
    {"path": "a", "limit": 3},
])  # fmt: skip
def test_valid_arguments_have_no_problem(value: dict[str, Any]) -> None:
    assert find_problems(SCHEMA, value) == ()


@pytest.mark.parametrize(("value", "problem"), [
    ({}, "path is missing"),
    ([], "the arguments has to be of the type object"),
    ({"path": ""}, "path has fewer than 1 characters"),
    ({"path": "0123456789"}, "path has more than 9 characters"),
    ({"path": 1}, "path has to be of the type string"),
    ({"path": "a", "first": 0}, "first is less than 1"),
    ({"path": "a", "first": True}, "first has to be of the type integer"),
    ({"path": "a", "ratio": 1}, "ratio is not less than 1"),
    ({"path": "a", "kind": "c"}, 'kind has to be one of "a", "b"'),
    ({"path": "a", "names": ["x", 1]}, "names[1] has to be of the type string"),
    ({"path": "a", "names": ["x", "y", "z"]}, "names has more than 2 items"),
    ({"path": "a", "steps": [{}]}, "steps[0].what is missing"),
    ({"path": "a", "limit": "x"}, "limit fits none of its forms"),
    ({"path": "a", "color": 1}, "color is not known"),
])  # fmt: skip
def test_each_violation_is_named(value: object, problem: str) -> None:
    assert find_problems(SCHEMA, value) == (problem,)


def test_problems_are_counted_up_to_a_limit() -> None:
    assert len(find_problems(SCHEMA, {str(number): 1 for number in range(100)})) == MOST_PROBLEMS


def test_a_schema_that_refers_to_itself_is_checked_to_a_depth() -> None:
    nested: dict[str, Any] = {"$ref": "#/$defs/N", "$defs": {"N": {"properties": {"n": {"$ref": "#/$defs/N"}}}}}
    value: dict[str, Any] = {}
    for _ in range(100):
        value = {"n": value}
    (problem,) = find_problems(nested, value)
    assert problem.endswith("is nested too deeply")


@pytest.mark.parametrize(("given", "repaired"), [
    ({"path": "a", "first": "12"}, {"path": "a", "first": 12}),
    ({"path": "a", "first": "012"}, {"path": "a", "first": "012"}),
    ({"path": "a", "first": 2.0}, {"path": "a", "first": 2}),
    ({"path": "a", "first": 2.5}, {"path": "a", "first": 2.5}),
    ({"path": "a", "deep": "True"}, {"path": "a", "deep": True}),
    ({"path": 7}, {"path": "7"}),
    ({"path": "a", "names": "x"}, {"path": "a", "names": ["x"]}),
    ({"path": "a", "first": None, "limit": None}, {"path": "a", "limit": None}),
    ({"path": "a", "color": "red"}, {"path": "a"}),
    ({"path": None}, {"path": None}),
])  # fmt: skip
def test_certain_mistakes_are_repaired_and_others_left(given: dict[str, Any], repaired: dict[str, Any]) -> None:
    assert repair_arguments(SCHEMA, given) == repaired


def test_unknown_arguments_of_an_open_schema_are_kept() -> None:
    assert repair_arguments({"type": "object"}, {"x": 1}) == {"x": 1}
