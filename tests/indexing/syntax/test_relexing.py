"""Tokens kept from key to key: always the same as those made anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.syntax import tokens
from indexing.syntax.relexing import Lexed, Lexer

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


def read_tokens(lexed: Lexed) -> tuple[str, list[int], list[int]]:
    """Return text, numbers and offsets as values that can be compared."""
    return lexed.text, lexed.ids.tolist(), lexed.starts.tolist()


@given(CODE, CODE)
def test_a_text_continued_has_the_tokens_of_the_whole(above: str, more: str) -> None:
    lines = above + "\n"
    assert read_tokens(Lexed.of(lines).append(more)) == read_tokens(Lexed.of(lines + more))


@given(CODE, EDITS)
def test_a_text_being_edited_has_the_tokens_of_one_just_opened(end: str, edits: list[tuple[int, int, str]]) -> None:
    lexer = Lexer()
    text = FILLED + end
    for back, removed, typed in edits:
        at = max(0, len(text) - back)
        text = text[:at] + typed + text[at + removed :]
        assert read_tokens(lexer.of(text)) == read_tokens(Lexed.of(text))
        assert read_tokens(lexer.of(text[:at])) == read_tokens(Lexed.of(text[:at]))


@given(CODE)
def test_lines_taken_from_the_top_do_not_change_those_below(end: str) -> None:
    lexer = Lexer()
    for top in range(3):
        text = FILLED[top * 24 :] + end
        assert read_tokens(lexer.of(text)) == read_tokens(Lexed.of(text))


@given(CODE, st.integers(0, 40), st.integers(0, 40))
def test_lines_of_a_text_have_the_tokens_of_their_own(text: str, first: int, last: int) -> None:
    starts = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]
    start, end = sorted(starts[min(number, len(starts) - 1)] for number in (first, last))
    assert read_tokens(Lexed.of(text).cut_lines(start, end)) == read_tokens(Lexed.of(text[start:end]))


@given(CODE, EDITS)
def test_cached_tokens_of_a_document_change_no_token(end: str, edits: list[tuple[int, int, str]]) -> None:
    for base in (0, 24, 25):
        lexer = Lexer()
        text = FILLED + end + FILLED
        lexer.cache_tokens(text)
        for back, removed, typed in edits:
            at = max(0, len(FILLED + end) - back)
            text = text[:at] + typed + text[at + removed :]
            assert read_tokens(lexer.of(text[base:at], base)) == read_tokens(Lexed.of(text[base:at]))


def test_the_second_of_two_empty_lines_at_the_top_is_taken_away() -> None:
    lexer, line = Lexer(), "word " * 2000
    lexer.cache_tokens("\n\n" + line)
    assert read_tokens(lexer.of("\n" + line)) == read_tokens(Lexed.of("\n" + line))


def test_a_document_with_cached_tokens_is_not_tokenised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lexer, text = Lexer(), "class A:\n" + FILLED * 3
    lexer.cache_tokens(text)
    read: list[int] = []
    real = tokens.tokenize
    monkeypatch.setattr(tokens, "tokenize", lambda data: (read.append(len(data)), real(data))[1])
    assert read_tokens(lexer.of(text[9:7009], 9)) == read_tokens(Lexed.of(text[9:7009]))
    assert read[0] < 100


def test_lines_that_are_known_are_not_read_again() -> None:
    lexer = Lexer()
    first = lexer.of(FILLED + "x = ")
    assert read_tokens(lexer.of(FILLED + "x = 1")) != read_tokens(first)
    assert lexer.cached_texts == (FILLED,)
