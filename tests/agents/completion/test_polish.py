from __future__ import annotations

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.plan import plan
from agents.completion.polish import Polisher
from agents.completion.shaping.cleaning import clean
from agents.suggestions import Trigger
from tests.agents.doubles import parse_cursor


def check_insert(
    fixture: str, raw: str, expected: str, language: str = "python", trigger: Trigger = Trigger.AUTOMATIC
) -> None:
    """Check that the fixture with `raw` polished and inserted is `expected`; "" means that nothing is inserted."""
    cursor = parse_cursor(fixture, language)
    found = Polisher(cursor, plan(cursor, None, trigger=trigger, policy=CompletionPolicy())).polish(raw)
    text = cursor.document.text
    applied = text[: cursor.offset] + found.text + text[cursor.offset + found.end :] if found.text else ""
    assert applied == expected


def test_a_closing_bracket_the_editor_has_added_is_not_doubled() -> None:
    check_insert("print($0)\n", "name)", "print(name)\n")


def test_closing_brackets_and_quotes_the_editor_has_added_are_not_doubled() -> None:
    check_insert('print(f("$0"))\n', 'name"))', 'print(f("name"))\n')


def test_a_needed_closing_bracket_is_not_eaten() -> None:
    check_insert("print(len($0)\n", "name)", "print(len(name))\n")


def test_a_closing_bracket_is_kept_where_there_is_none() -> None:
    check_insert("print($0\n", "name)", "print(name)\n")


def test_text_that_goes_on_after_the_closing_bracket_replaces_it() -> None:
    check_insert("total = sum($0)\n", "a) + sum(b)", "total = sum(a) + sum(b)\n")


def test_a_colon_to_the_right_is_not_doubled() -> None:
    check_insert("def f($0):\n    pass\n", "self, x):", "def f(self, x):\n    pass\n")


def test_a_semicolon_to_the_right_is_not_doubled() -> None:
    check_insert("f($0);\n", "x);", "f(x);\n", "javascript")


def test_a_bracket_closed_in_a_line_below_is_not_closed_twice() -> None:
    check_insert("f(\n    a,\n    b$0\n)\n", "ar)", "f(\n    a,\n    bar\n)\n")


def test_a_brace_closed_below_is_not_closed_twice() -> None:
    check_insert("function f() {\n  $0\n}\n", "return 1;\n}", "function f() {\n  return 1;\n}\n", "javascript")


def test_a_brace_of_the_suggestion_itself_is_kept() -> None:
    check_insert(
        "function f() {\n  $0\n}\n",
        "if (x) {\n    y();\n  }\n}",
        "function f() {\n  if (x) {\n    y();\n  }\n}\n",
        "javascript",
    )


def test_the_next_line_is_not_suggested_again() -> None:
    check_insert("def f():\n    x = 1\n    $0\n    return compute(x)\n", "return compute(x)", "")


def test_a_long_line_is_not_suggested_twice_in_a_row() -> None:
    fixture = "def send(\n    $0\n) -> None:\n    pass\n"
    said = "headers: Headers | None = None,"
    block = f"{said}\n    {said}\n    {said}"
    check_insert(fixture, block, f"def send(\n    {said}\n) -> None:\n    pass\n", trigger=Trigger.INVOKED)


def test_a_short_line_may_be_suggested_twice_in_a_row() -> None:
    check_insert(
        "def f():\n    $0\n", "print()\n    print()", "def f():\n    print()\n    print()\n", trigger=Trigger.INVOKED
    )


def test_the_rest_of_the_line_below_is_not_suggested() -> None:
    check_insert("def f():\n    return comp$0\n    return compute(x, y, z)\n", "ute(x, y, z)", "")


def test_a_block_ends_before_a_line_that_follows_the_cursor() -> None:
    check_insert(
        "def f(x):\n    $0\n    return compute(x)\n",
        "x += 1\n    return compute(x)\n",
        "def f(x):\n    x += 1\n    return compute(x)\n",
        trigger=Trigger.INVOKED,
    )


def test_the_line_above_is_not_suggested_again() -> None:
    check_insert("def f(x):\n    x.append(1)\n    $0\n", "x.append(1)", "")


def test_the_block_above_is_not_suggested_again() -> None:
    check_insert(
        "def f():\n    a = 1\n    b = a\n    c = b\n\n    $0\n",
        "a = 1\n    b = a\n    c = b\n",
        "",
        trigger=Trigger.INVOKED,
    )


def test_the_first_line_is_not_indented_twice() -> None:
    check_insert("def f(x):\n    $0\n", "    return x\n", "def f(x):\n    return x\n")


def test_the_first_line_is_indented_as_the_body_needs() -> None:
    check_insert("def f(x):\n$0\n", "    return x\n", "def f(x):\n    return x\n")


def test_the_first_line_is_not_indented_too_deep() -> None:
    check_insert("def f(x):\n    a = x\n$0\n", "            return a\n", "def f(x):\n    a = x\n    return a\n")


def test_a_body_after_its_header_begins_on_a_line_of_its_own() -> None:
    check_insert("def f(x):$0\n", "\n    y = x\n    return y\n", "def f(x):\n    y = x\n    return y\n")


def test_a_document_with_tabs_gets_tabs() -> None:
    check_insert(
        "func f() {\n\tx := 1\n}\n\nfunc g() {\n\t$0\n}\n",
        "if x {\n        y()\n    }\n",
        "func f() {\n\tx := 1\n}\n\nfunc g() {\n\tif x {\n\t\ty()\n\t}\n}\n",
        "go",
    )


def test_a_document_with_spaces_gets_spaces() -> None:
    check_insert(
        "def f():\n    pass\n\ndef g():\n    $0\n",
        "if x:\n\t\ty()\n",
        "def f():\n    pass\n\ndef g():\n    if x:\n        y()\n",
    )


def test_no_second_space_is_inserted() -> None:
    check_insert("x = $0\n", " 1", "x = 1\n")


def test_whitespace_at_line_ends_is_dropped() -> None:
    check_insert("def f(x):\n    $0\n", "y = x  \n    return y   \n\n", "def f(x):\n    y = x\n    return y\n")


def test_a_document_with_crlf_gets_crlf() -> None:
    check_insert("def f(x):\r\n    $0\r\n", "y = x\n    return y", "def f(x):\r\n    y = x\r\n    return y\r\n")


@pytest.mark.parametrize(
    "marker",
    [
        "<fim_middle>",
        "<|fim_suffix|>",
        "<|endoftext|>",
        "<PRE>",
        "<\uff5cfim▁hole\uff5c>",
        "</s>",
        "<file_sep>",
        "<filename>",
    ],
)
def test_markers_of_a_model_never_reach_the_text(marker: str) -> None:
    check_insert("x = $0\n", f"call(1){marker}other", "x = call(1)\n")


def test_control_characters_and_lone_surrogates_are_dropped() -> None:
    assert clean("a\x00b\x1b[0m\ud800c\u202ed\ufffd\u2028") == "ab[0mcd"


def test_generics_and_tags_are_not_taken_for_markers() -> None:
    assert clean("Map<String, List<T>> x = <div></div>") == "Map<String, List<T>> x = <div></div>"


def test_a_suggestion_of_only_the_text_after_the_cursor_is_dropped() -> None:
    check_insert("print(name$0)\n", ")", "")


def test_a_suggestion_of_only_white_space_is_dropped() -> None:
    check_insert("def f(x):\n    $0\n", "   \n\n  ", "")
