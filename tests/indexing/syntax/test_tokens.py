"""The lexer: what is a token, what counts as equal, and that offsets are code points."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexing.syntax import tokens

LINE_BREAKS = {tokens.SAME: "=", tokens.DEEPER: ">", tokens.SHALLOWER: "<", tokens.SEPARATOR: "|"}


def spell_tokens(text: str) -> list[str]:
    """Return the text of each token; a line break is shown by its effect on the indentation."""
    found = tokens.tokenize(tokens.fold(text))
    spelling = []
    for number, start in zip(found.ids.tolist(), found.starts.tolist(), strict=True):
        if number in LINE_BREAKS:
            spelling.append(LINE_BREAKS[number])
        elif number < tokens.FIRST_WORD:
            spelling.append(text[start])
        else:
            word = tokens.WORD.match(text, start)
            assert word is not None
            spelling.append(word.group())
    return spelling


def list_terms(text: str) -> list[str]:
    """Return the first four letters at the start of each term."""
    found = tokens.find_terms(tokens.fold(text))
    return [text[start : start + 4] for start in found.starts.tolist()]


def find_token_ids(text: str) -> list[int]:
    """Return the numbers of the tokens in `text`."""
    return tokens.tokenize(tokens.fold(text)).ids.tolist()


def find_term_ids(text: str) -> list[int]:
    """Return the numbers of the terms in `text`."""
    return tokens.find_terms(tokens.fold(text)).ids.tolist()


def test_words_marks_and_line_breaks_are_tokens_and_spaces_are_not() -> None:
    assert spell_tokens("x_1 +=  f(3.5)") == ["x_1", "+", "=", "f", "(", "3", ".", "5", ")"]


def test_a_line_break_says_how_the_indentation_changes() -> None:
    assert spell_tokens("if a:\n    b\n    c\nd\n") == ["if", "a", ":", ">", "b", "=", "c", "<", "d", "="]


def test_blank_lines_and_carriage_returns_do_not_count() -> None:
    assert find_token_ids("a\r\n\r\n  \r\n    b") == find_token_ids("a\n    b")


def test_the_same_code_one_level_deeper_has_the_same_tokens() -> None:
    code = "for x in y:\n{0}    a(x)\n{0}    b(x)\n{0}c()"
    assert find_token_ids(code.format("")) == find_token_ids(code.format("        "))


def test_files_joined_by_nul_are_tokenised_as_if_alone() -> None:
    first, second = "class A:\n    def f(self): ...", "  x\ny"
    assert find_token_ids(f"{first}\0{second}") == [*find_token_ids(first), tokens.SEPARATOR, *find_token_ids(second)]


def test_offsets_are_code_points_behind_emoji_and_lone_surrogates() -> None:
    text = "s = '🦜\ud800' + näme + other"
    found = tokens.tokenize(tokens.fold(text))
    assert text[int(found.starts[-1]) :] == "other"
    assert int(found.ids[-1]) == tokens.hash_words(["other"])[0]


def test_words_beyond_ascii_are_told_apart() -> None:
    assert len(set(find_token_ids("größe größer grüße 大小 大学"))) == 5


def test_identifiers_are_found_by_their_parts_and_as_a_whole() -> None:
    assert list_terms("parseHTTPHeader") == ["pars", "pars", "HTTP", "Head"]
    assert list_terms("max_line_length") == ["max_", "max_", "line", "leng"]
    assert list_terms("plain") == ["plai"]


def test_numbers_and_single_letters_are_no_terms() -> None:
    assert find_term_ids("x 1 22 y = 0x") == []
    assert set(find_term_ids("utf8")) == set(tokens.hash_terms(["utf", "utf8"]).tolist())


def test_terms_do_not_depend_on_case_or_style() -> None:
    parts = set(tokens.hash_terms(["read", "file"]).tolist())
    for spelling in ("readFile", "READ_FILE", "read_file", "ReadFile"):
        assert parts <= set(find_term_ids(spelling))


def test_window_hashes_are_equal_where_and_only_where_the_windows_are() -> None:
    stream = tokens.tokenize(tokens.fold("a b c d a b c e b c")).ids
    three, two = tokens.compute_window_hashes(stream, (3, 2))
    assert three[2] == three[6]
    assert two[2] == two[6] == two[9]
    assert len(set(three.tolist())) == len(stream) - 1


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_window_weights_give_the_hashes_of_the_last_window(stream: list[int]) -> None:
    ids = np.array(stream, dtype=np.uint32)
    weighed = tokens.mix(ids[None, :].astype(np.uint64) @ tokens.compute_window_weights(len(ids), (1, 3, 14)))
    assert weighed[0].tolist() == [hashes[-1] for hashes in tokens.compute_window_hashes(ids, (1, 3, 14))]


@given(st.text(max_size=200))
def test_any_text_is_tokenised_completely_and_in_order(text: str) -> None:
    found = tokens.tokenize(tokens.fold(text))
    assert sorted(found.starts.tolist()) == found.starts.tolist()
    words = [word for word in tokens.WORD.findall(text) if re.search(r"[A-Za-z0-9_\u0080-\U0010ffff]", word)]
    assert int((found.ids >= tokens.FIRST_WORD).sum()) == len(words)


@given(st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True), min_size=1, max_size=20))
def test_words_have_the_same_number_in_any_text(words: list[str]) -> None:
    assert tokens.hash_words(words).tolist() == find_token_ids(" ".join(words))
