"""The token stream of a segment: it is the text, whatever the text and whatever the hashes of its units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexing.storage import blobs, building, stream_building
from indexing.storage.anchors import Context
from indexing.storage.segment import Segment
from indexing.storage.segment_files import SegmentFile
from indexing.storage.token_stream import PAGE
from indexing.syntax import tokens
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

CODE = st.lists(
    st.sampled_from(["def ", "größe", "x", "(", ")\n", "\n\n  \n\t", "    ", "\x00", "🦜", "\r\n", "\ud800"])
)
TEXTS = st.lists(st.one_of(CODE.map("".join), st.text(st.characters(exclude_categories=()), max_size=40)), max_size=6)


def build(texts: Sequence[str]) -> Segment:
    """Return a segment in memory of files with these texts."""
    stored = (
        SegmentFile(number, f"{number}.py", 0.0, blobs.pack(text, (), (), "python"))
        for number, text in enumerate(texts)
    )
    return Segment(building.build_in_memory(stored))


def list_tokens(texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the file, the offset and the number of each token of `texts`, as the lexer finds them in each text."""
    found = []
    for file, text in enumerate(texts):
        lexed = tokens.tokenize(tokens.fold(text).replace(b"\x00", b"\x01") + b"\x00")
        found += [(file, start, token) for start, token in zip(lexed.starts.tolist(), lexed.ids.tolist(), strict=True)]
    return found


@given(TEXTS)
def test_any_texts_and_their_tokens_come_back(texts: list[str]) -> None:
    segment = build(texts)
    assert [segment.read_text(number) for number in range(len(texts))] == texts
    expected = list_tokens(texts)
    positions = np.arange(1, len(expected) + 1)
    files = segment.find_files(positions).tolist()
    found = [
        (file, segment.find_code_point_offset(file, position), token)
        for file, position, token in zip(
            files, positions.tolist(), segment.stream.read_ids(positions).tolist(), strict=True
        )
    ]
    assert found == expected
    assert len(segment.stream) == len(expected) + 1


@given(TEXTS, st.integers(0, 90), st.integers(0, 90))
def test_a_part_of_any_text_is_cut_by_code_points(texts: list[str], start: int, end: int) -> None:
    segment = build([*texts, "\n".join(f"naïve_{number} = {number}" for number in range(20))] * 2)
    for number, text in enumerate([*texts, segment.read_text(len(texts))] * 2):
        assert segment.read_text(number, Span(start, end)) == text[start:end]


def test_units_whose_hashes_are_equal_keep_their_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute_equal_keys(_data: bytes, starts: np.ndarray, _ends: object, _ids: object) -> np.ndarray:
        return np.full(len(starts), 7, dtype=np.uint64)

    monkeypatch.setattr(stream_building, "_compute_keys", compute_equal_keys)
    texts = ["if a:\n    b = 1\nc = a\n", "for größe in b:\n        c(größe)\n", ""]
    segment = build(texts)
    assert [segment.read_text(number) for number in range(3)] == texts
    assert segment.stream.read_ids(np.arange(1, 12)).tolist() == [token for *_, token in list_tokens(texts)][:11]


def test_more_words_than_one_table_holds_are_read_from_several() -> None:
    text = " ".join(f"word{number}" for number in range(PAGE + 5000)) + " word1 word2\n" * 9
    segment = build([text, "word1 word70000\n"])
    assert segment.read_text(0) == text
    assert segment.read_text(1) == "word1 word70000\n"
    places = segment.find_anchors(Context(tokens.tokenize(b"word69996 word69997 word69998").ids), 8)
    read = segment.stream.read_texts(places, np.minimum(places + 3, len(segment.stream)))
    assert b"word69998 word69999 word70000 " in read


def test_a_position_outside_the_stream_counts_as_the_nearest() -> None:
    stream = build(["one two"]).stream
    assert stream.read_ids(np.array([-9, 99])).tolist() == [tokens.SEPARATOR, tokens.SEPARATOR]
    assert stream.read_ids(np.array([[1, 2]])).tolist() == [tokens.hash_words(["one", "two"]).tolist()]


def test_equal_text_costs_two_bytes_a_token() -> None:
    one, hundred = (build(["total = add(total, value)\n" * count]).stream for count in (1, 100))
    assert len(hundred) == 99 * (len(one) - 2) + len(one)
    sizes = [
        sum(array.nbytes for name, array in vars(stream).items() if name.startswith("_")) for stream in (one, hundred)
    ]
    assert sizes[1] - sizes[0] <= 2 * (len(hundred) - len(one)) + 40
