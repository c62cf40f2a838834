"""Arguments against a stranger's JSON schema: what is found, and schemas made to never end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agents.team.schema_check import find_problem

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 2},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "fixed": {"const": 1},
        "all": {"allOf": [{"type": "number"}, {"maximum": 3}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"tag": {"type": "string"}},
}


@pytest.mark.parametrize(("value", "said"), [
    ({"name": "abc"}, ""),
    ({"name": "abc", "count": 2.0, "kind": "b", "tags": ["x"], "either": None, "fixed": 1, "all": 2.5}, ""),
    ({}, "`name` is missing"),
    ({"name": 1}, "`name` must be of the type string"),
    ({"name": "a"}, "`name` is too small or too large"),
    ({"name": "abcdef"}, "`name` is too small or too large"),
    ({"name": "abc", "count": True}, "`count` must be of the type integer"),
    ({"name": "abc", "count": 1.5}, "`count` must be of the type integer"),
    ({"name": "abc", "count": 10}, "`count` is too small or too large"),
    ({"name": "abc", "kind": "c"}, "`kind` must be one of 'a', 'b'"),
    ({"name": "abc", "tags": ["x", 1]}, "`tags[1]` must be of the type string"),
    ({"name": "abc", "tags": ["x"] * 3}, "`tags` is too small or too large"),
    ({"name": "abc", "either": 1}, "`either` fits none of its forms (`either` must be of the type string)"),
    ({"name": "abc", "fixed": 2}, "`fixed` must be 1"),
    ({"name": "abc", "all": 4}, "`all` is too small or too large"),
    ({"name": "abc", "naem": 1}, "there is no `naem`; there are: name, count, kind, tags, either, fixed, all"),
    ([], "the whole must be of the type object"),
])  # fmt: skip
def test_the_first_problem_is_named_with_its_place(value: object, said: str) -> None:
    assert find_problem(value, SCHEMA) == said


@pytest.mark.parametrize("schema", [
    {"$ref": "#"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"allOf": [{"$ref": "#"}] * 50},
    {"$ref": "#/$defs/0", "$defs": {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 9} for n in range(40)}},
    {"properties": {"a": {"pattern": "(a+)+$"}}, "patternProperties": {"(a+)+$": False}, "additionalProperties": False},
    {"$ref": "https://evil.example/schema.json"},
    {"$ref": "#/nowhere"},
    {"$ref": 7, "type": {"a": 1}, "enum": 1, "required": "a", "properties": [], "items": 3, "anyOf": {}},
    {"type": ["nothing", 3]},
    {"minLength": "long", "maxLength": True},
])  # fmt: skip
def test_no_schema_keeps_the_check_from_ending(schema: dict[str, Any]) -> None:
    begun = time.monotonic()
    assert find_problem({"a": "a" * 40 + "b"}, schema) == ""
    assert time.monotonic() - begun < 1
