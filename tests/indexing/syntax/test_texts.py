from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.syntax import texts


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"abc", "abc"),
        ("é😀".encode(), "é😀"),
        (b"\xef\xbb\xbfabc", "abc"),
        ("\ufeffaé".encode("utf-16-le"), "aé"),
        ("\ufeffaé".encode("utf-16-be"), "aé"),
        (b"a" * 300 + b"\xff" + b"b" * 300, "a" * 300 + "\ufffd" + "b" * 300),
        ("äöüß".encode("latin-1"), "äöüß"),
        (b"one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        (b"", ""),
    ],
)
def test_bytes_become_the_text_an_editor_shows(data: bytes, text: str) -> None:
    assert texts.decode(data) == text


@given(st.binary())
def test_any_bytes_decode(data: bytes) -> None:
    texts.decode(data)


@given(st.text(alphabet="a\r\né😀"))
def test_lines_start_where_lsp_says(text: str) -> None:
    pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = texts.find_line_starts(text)
    assert len(starts) == len(pieces)
    for start, piece in zip(starts, pieces, strict=True):
        assert text.startswith(piece, start)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_byte_offsets_and_code_points_convert_both_ways(text: str) -> None:
    data = texts.encode(text)
    lines = texts.ByteLines(text, data)
    expected = [len(text[:offset].encode()) for offset in range(len(text) + 1)]
    assert [lines.to_byte(offset, text) for offset in range(len(text) + 1)] == expected
    assert [lines.to_code_point(at) for at in expected] == list(range(len(text) + 1))
    assert texts.map_to_code_points(data, expected) == {at: offset for offset, at in enumerate(expected)}


def test_lone_surrogate_keeps_its_place() -> None:
    text = "a\ud800b"
    assert texts.encode(text) == b"a?b"
    assert texts.ByteLines(text, texts.encode(text)).to_byte(2, text) == 2
