"""The tokens around a place, how far two places agree, and places that look like another one."""

from __future__ import annotations

from agents.next_edit.surroundings import (
    find_indentation,
    find_indentation_before,
    find_places,
    join_surroundings,
    read_surroundings,
)

TEXT = "a = f(one, 2)\nb = f(two, 2)\n"


def test_the_tokens_around_a_place_are_read_nearest_first() -> None:
    around = read_surroundings(TEXT, 6, 9)
    assert around.left == ("(", "f", "=", "a")
    assert around.right == (",", "2", ")", "\n", "b", "=", "f", "(")


def test_how_far_two_places_agree_is_counted_in_tokens() -> None:
    agreed = read_surroundings(TEXT, 6, 9).compare(TEXT, 20, 23)
    assert (agreed.left, agreed.right, agreed.words, agreed.length) == (3, 4, 1, 7)


def test_two_places_share_their_nearest_tokens() -> None:
    shared = join_surroundings(read_surroundings(TEXT, 6, 9), read_surroundings(TEXT, 20, 23))
    assert (shared.left, shared.right) == (("(", "f", "="), (",", "2", ")", "\n"))


def test_a_word_at_the_edge_of_the_window_is_not_split() -> None:
    text = "x" * 200 + " y = z"
    assert read_surroundings(text, len(text) - 1, len(text)).left == ("=", "y")


def test_equal_tokens_are_found_whatever_white_space_is_between_them() -> None:
    text = "f( a,b )\nf(a, b)\nff(a, b)\nf(a, bb)\n"
    around = read_surroundings(text, 0, 0)
    assert [text[one.start : one.end] for one in find_places(text, "f(a, b)", around, 9)] == ["f( a,b )", "f(a, b)"]
    assert len(list(find_places(text, "f(a, b)", around, 1))) == 1


def test_an_insertion_fits_between_equal_neighbours() -> None:
    around = read_surroundings("f(a)", 3, 3)
    assert [one.start for one in find_places("f(a) g(a ) a", "", around, 9)] == [3, 9]
    assert list(find_places("f(a)", "", read_surroundings("", 0, 0), 9)) == []


def test_the_indentation_of_a_line_and_of_the_line_before() -> None:
    text = "if a:\n    b\n\n  c\n"
    assert find_indentation(text, text.index("c")) == "  "
    assert find_indentation_before(text, text.index("c")) == "    "
    assert find_indentation_before(text, 0) == ""
