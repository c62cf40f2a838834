"""Positions in all three encodings compared with a naive count, on awkward texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from server.lsp.conversion import incoming, outgoing
from server.lsp.session.open_documents import OpenText
from tests.server import naive

ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])
PIECES = ["a", "é", "漢", "😀", "\n", "\r\n", "\r", "\t", "\x0b", "\u2028", "word ", "\ud800", "\udc00"]


def join_surrogates(pieces: list[str]) -> str:
    """Return the pieces as one text, in which adjacent surrogates are one character, as in JSON."""
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map(join_surrogates)


def make_document(text: str) -> OpenText:
    return OpenText.of("untitled:1", None, "text", 1, text)


@given(TEXTS, ENCODINGS, st.integers(0, 70), st.integers(0, 130))
def test_every_position_has_the_offset_of_the_naive_count(text: str, encoding: str, line: int, character: int) -> None:
    found = incoming.compute_offset(make_document(text), types.Position(line, character), encoding)
    assert found == naive.offset(text, line, character, encoding)


@given(TEXTS, ENCODINGS, st.data())
def test_every_offset_has_the_position_of_the_naive_count(text: str, encoding: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    found = outgoing.compute_position(make_document(text), at, encoding)
    assert (found.line, found.character) == naive.position(text, at, encoding)


@given(TEXTS, ENCODINGS, st.data())
def test_a_position_sent_out_comes_back_as_the_same_offset(text: str, encoding: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    document = make_document(text)
    inside_line_end = text[at - 1 : at + 1] == "\r\n"
    back = incoming.compute_offset(document, outgoing.compute_position(document, at, encoding), encoding)
    assert back == (at - 1 if inside_line_end else at)


def test_an_emoji_before_the_cursor_counts_in_each_encoding_as_the_editor_counts() -> None:
    document = make_document('x = "😀" + y')
    before_y = len('x = "😀" + ')
    characters = {"utf-8": 13, "utf-16": 11, "utf-32": 10}
    for encoding, character in characters.items():
        assert incoming.compute_offset(document, types.Position(0, character), encoding) == before_y
        assert outgoing.compute_position(document, before_y, encoding) == types.Position(0, character)


def test_a_position_inside_a_character_means_its_start() -> None:
    document = make_document("a😀b")
    assert incoming.compute_offset(document, types.Position(0, 2), "utf-16") == 1
    assert [incoming.compute_offset(document, types.Position(0, units), "utf-8") for units in range(7)] == [
        0,
        1,
        1,
        1,
        1,
        2,
        3,
    ]


def test_a_position_after_the_end_of_its_line_means_that_end() -> None:
    document = make_document("one\r\ntwo")
    assert incoming.compute_offset(document, types.Position(0, 99), "utf-16") == 3
    assert incoming.compute_offset(document, types.Position(9, 0), "utf-16") == len("one\r\ntwo")


def test_a_range_that_runs_backwards_is_turned_round() -> None:
    span = types.Range(types.Position(0, 4), types.Position(0, 1))
    assert incoming.compute_span(make_document("abcdef"), span, "utf-8") == (1, 4)
