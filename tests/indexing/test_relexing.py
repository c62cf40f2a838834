"""Tokens kept from key to key: always the same as those made anew."""

from hypothesis import given
from hypothesis import strategies as st

from indexing.relexing import Lexed, Lexer

PIECES = (
    "a",
    "b1",
    "_",
    "(",
    ":",
    " ",
    "    ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\0",
    "é",
    "😀",
    "\ud800",
    "x = 1\n    y\n",
)
CODE = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
FILLED = "def f(x):\n    return x\n" * 200  # so much that it is kept
EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6), CODE), max_size=8)


def said(lexed: Lexed) -> tuple[str, list[int], list[int]]:
    return lexed.text, lexed.ids.tolist(), lexed.starts.tolist()


@given(CODE, CODE)
def test_a_text_continued_has_the_tokens_of_the_whole(above: str, more: str) -> None:
    lines = above + "\n"
    assert said(Lexed.of(lines).continued(more)) == said(Lexed.of(lines + more))


@given(CODE, EDITS)
def test_a_text_being_edited_has_the_tokens_of_one_just_opened(end: str, edits: list[tuple[int, int, str]]) -> None:
    lexer = Lexer()
    text = FILLED + end
    for back, removed, typed in edits:
        at = max(0, len(text) - back)
        text = text[:at] + typed + text[at + removed :]
        assert said(lexer.of(text)) == said(Lexed.of(text))
        assert said(lexer.of(text[:at])) == said(Lexed.of(text[:at]))


@given(CODE)
def test_lines_taken_from_the_top_do_not_change_those_below(end: str) -> None:
    lexer = Lexer()
    for top in range(3):
        text = FILLED[top * 24 :] + end
        assert said(lexer.of(text)) == said(Lexed.of(text))


def test_lines_that_are_known_are_not_read_again() -> None:
    lexer = Lexer()
    first = lexer.of(FILLED + "x = ")
    assert said(lexer.of(FILLED + "x = 1")) != said(first)
    assert lexer.kept == (FILLED,)
