"""The written form of calls: texts in fences and the JSON object, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.chat import ToolCall, ToolSpec
from models.local.calls.call_format import CallForm, describe_tools, format_call, has_closed_fence, read_fence

TEXT = {"type": "string"}


def make_tool(**properties: Any) -> ToolSpec:
    """Return a tool whose arguments are `properties`, all required."""
    return ToolSpec("do", "Does.", {"type": "object", "properties": properties, "required": list(properties)})


def test_required_texts_come_behind_the_call_and_optional_ones_do_not() -> None:
    assert CallForm.of(make_tool(path=TEXT, text=TEXT)).fenced == ("text",)
    optional = ToolSpec("do", "", {"type": "object", "properties": {"text": TEXT}})
    assert CallForm.of(optional) == CallForm(optional.parameters)


def test_a_list_of_texts_alone_comes_behind_the_call_as_one_item() -> None:
    piece = {"type": "object", "properties": {"old": TEXT, "new": TEXT}}
    form = CallForm.of(make_tool(path=TEXT, pieces={"type": "array", "items": piece}))
    assert (form.fenced, form.within) == (("old", "new"), "pieces")
    assert form.join({"path": "a"}, {"old": "x", "new": "y"}) == {"path": "a", "pieces": [{"old": "x", "new": "y"}]}
    mixed = {"type": "object", "properties": {"old": TEXT, "line": {"type": "integer"}}}
    assert CallForm.of(make_tool(pieces={"type": "array", "items": mixed})).fenced == ()


def test_the_signature_leaves_out_what_comes_behind() -> None:
    described = describe_tools([make_tool(path=TEXT, text=TEXT)])
    signature = json.loads(next(line for line in described.splitlines() if line.startswith('{"type"')))
    assert list(signature["function"]["parameters"]["properties"]) == ["path"]
    assert signature["function"]["description"] == "Does. Behind the call: `text`."
    assert "fenced block" in described
    assert "fenced block" not in describe_tools([make_tool(path=TEXT)])


def test_a_definition_that_is_still_needed_stays() -> None:
    tool = ToolSpec(
        "do",
        "",
        {
            "type": "object",
            "$defs": {"Kind": {"enum": ["a"]}},
            "properties": {"kind": {"$ref": "#/$defs/Kind"}, "text": TEXT},
            "required": ["text"],
        },
    )
    assert "$defs" in CallForm.of(tool).inline


def test_a_call_is_written_with_its_texts_behind_it() -> None:
    written = format_call(ToolCall("1", "do", {"path": "a", "text": "x\ny\n"}))
    assert written == '<tool_call>\n{"name": "do", "arguments": {"path": "a"}}\n</tool_call>\ntext:\n```\nx\ny\n```'


def test_a_text_that_is_no_string_stays_in_the_object() -> None:
    assert '"arguments": {"text": 1}' in format_call(ToolCall("1", "do", {"text": 1}))


@pytest.mark.parametrize(("text", "expected"), [
    ("\nx\n```", ("x\n", True)),
    ("python\nx\n```\nmore", ("x\n", True)),
    ("\n```", ("", True)),
    ("\nx\n```py\ny\n```\nz\n```", ("x\n```py\ny\n```\nz\n", True)),
    ("\nx", ("x\n", False)),
    ("\nx\n", ("x\n", False)),
    ("", ("", False)),
])  # fmt: skip
def test_a_fence_is_read_to_the_line_that_closes_it(text: str, expected: tuple[str, bool]) -> None:
    assert read_fence(text) == expected


def test_a_line_closes_a_fence_only_once_it_is_complete() -> None:
    assert not has_closed_fence("\nx\n```")
    assert not has_closed_fence("\nx\n```python")
    assert has_closed_fence("\nx\n```\n")
