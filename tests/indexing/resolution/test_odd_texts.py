"""Resolution of half-typed, very long and generated code: it ends, and it counts characters as the text does."""

from __future__ import annotations

import pytest

from indexing.resolution import cursor_text
from tests.indexing.resolution.workspaces import list_members


@pytest.mark.parametrize("text", ["foo( #\n  x[", "foo('\n, x[", 'foo(a, "', "#", "'"])
def test_a_quote_or_comment_sign_alone_keeps_its_length(text: str) -> None:
    assert len(cursor_text.blank_strings(text)) == len(text)


def test_an_open_bracket_after_an_empty_comment_is_inside_the_call() -> None:
    text = "foo( #\n  [x, "
    found = cursor_text.find_call(text, len(text))
    assert found is not None
    assert found.callee == "foo"


@pytest.mark.parametrize("before", ["(" * 100_000, "x" + ".x" * 100_000, 'x = "' + "a.b(c)," * 30_000, "[(" * 50_000])
def test_a_very_long_line_is_read_from_its_end(before: str) -> None:
    assert len(before) - cursor_text.find_start(before, len(before)) <= cursor_text.MOST_CHARACTERS
    assert cursor_text.find_call(before, len(before)) is None
    assert list_members(f"#- a.py\n{before}y.$0\n") == []


def test_the_members_of_a_module_with_thousands_of_re_exports_are_found() -> None:
    exports = "".join(f'export {{x{number}}} from "./n"\n' for number in range(3_000))
    functions = "".join(f"export function x{number}() {{}}\n" for number in range(3_000))
    found = list_members(f'#- a.ts\nimport * as m from "./m"\nm.$0\n#- m.ts\n{exports}#- n.ts\n{functions}')
    assert len(found) == 500
