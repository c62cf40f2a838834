from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.completion.shaping.brackets import scan_brackets, scan_without_positions


@pytest.mark.parametrize(
    ("text", "language", "closers", "unclosed", "quote"),
    [
        ("f(a, [b", "python", "", "([", ""),
        ("a) + b]", "python", ")]", "", ""),
        ("f(')', a", "python", "", "(", ""),
        ("f(  # )\n", "python", "", "(", ""),
        ("f(  // )\n", "javascript", "", "(", ""),
        ("/* ( */ }", "c", "}", "", ""),
        ('say("he', "python", "", "(", '"'),
        ('x = """a (\n', "python", "", "", '"""'),
        ("don't (", "rust", "", "(", ""),
        ("`a (\n${", "javascript", "", "", "`"),
        ("(]", "python", "", "(", ""),
        ("--[[ ( ]] }", "lua", "}", "", ""),
        ("<!-- ( --> <a href=x> it's (", "html", "", "(", ""),
        ("x=begin\n=begin\n(\n=end\n[", "ruby", "", "[", ""),
        ("f(# )\n", "elixir", "", "(", ""),
        ("f(// )\n'(' {", "zig", "", "({", ""),
        ("", "text", "", "", ""),
    ],
)
def test_open_and_closing_brackets_of_a_piece_of_code_are_found(
    text: str, language: str, closers: str, unclosed: str, quote: str
) -> None:
    balance = scan_brackets(text, language)
    assert (balance.closers, balance.unclosed, balance.quote) == (closers, unclosed, quote)


def test_a_piece_that_begins_in_a_string_is_scanned_from_the_strings_end() -> None:
    assert scan_brackets('a)")', "python", '"').unopened == (3,)


def test_a_string_of_one_line_ends_with_its_line() -> None:
    assert scan_brackets("abc\n)", "python", '"').closers == ")"


PIECES = ("(", ")", "[", "]", "{", "}", '"', "'", '"""', "'''", "`", "#", "//", "/*", "*/", "--", "\\", "\n", "a", "é")


@given(
    st.lists(st.sampled_from(PIECES)).map("".join),
    st.sampled_from(["python", "javascript", "rust", "sql", "text"]),
    st.sampled_from(["", '"', "'''", "`"]),
)
def test_scanning_without_positions_finds_the_same_brackets(text: str, language: str, quote: str) -> None:
    balance, fast = scan_brackets(text, language, quote), scan_without_positions(text, language, quote)
    assert (fast.closers, fast.unclosed, fast.quote) == (balance.closers, balance.unclosed, balance.quote)


def test_deeply_nested_brackets_are_scanned() -> None:
    assert scan_without_positions("(" * 4000 + ")" * 3999, "python").unclosed == "("
