"""Packed integers and postings: what is written is read, in any order and from any place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexing.storage import bit_packing, postings
from indexing.storage.arrays import MemoryWriter

WIDTHS = st.integers(1, 32)


@given(st.data(), WIDTHS)
def test_values_of_any_width_are_read_in_any_order(data: st.DataObject, width: int) -> None:
    values = data.draw(st.lists(st.integers(0, (1 << width) - 1), max_size=200))
    cut = data.draw(st.integers(0, len(values)))
    writer = MemoryWriter()
    packed = bit_packing.PackedWriter(writer, "words", width)
    packed.append(np.array(values[:cut], dtype=np.uint32))
    packed.append(np.array(values[cut:], dtype=np.uint32))
    packed.finish()
    writer.finish({})
    order = np.random.default_rng(1).permutation(len(values)).astype(np.int64)
    read = bit_packing.PackedArray(writer["words"], width).read(order)
    assert read.tolist() == [values[number] for number in order.tolist()]
    assert len(writer["words"]) <= (len(values) // 32 + 1) * width + 2


def test_many_values_are_packed_as_few_are() -> None:
    values = np.random.default_rng(1).integers(0, 1 << 25, 1 << 15, dtype=np.uint32)
    pieces = [bit_packing.pack(piece, 25) for piece in np.split(values, 4)]
    assert np.array_equal(bit_packing.pack(values, 25), np.concatenate(pieces))


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=32, max_size=32), min_size=1, max_size=5), WIDTHS)
def test_each_group_takes_as_many_words_as_its_largest_value_has_bits(rows: list[list[int]], width: int) -> None:
    groups = np.array(rows, dtype=np.uint32) & np.uint32((1 << width) - 1)
    widths = bit_packing.measure_widths(groups)
    assert widths.tolist() == [int(row.max()).bit_length() for row in groups]
    words = bit_packing.pack_groups(groups, widths)
    assert len(words) == sum(widths.tolist())
    read = bit_packing.read_groups(np.append(words, np.uint32(0)), widths)
    assert read.tolist() == groups.ravel().tolist()


LISTS = st.lists(
    st.dictionaries(st.integers(0, 1 << 20), st.integers(1, 255), min_size=1, max_size=90), min_size=1, max_size=12
)


@given(LISTS, st.integers(0, 12))
def test_postings_come_back_with_counts_up_to_four_exact_and_larger_ones_near(
    lists: list[dict[int, int]], cut: int
) -> None:
    writer = MemoryWriter()
    written = postings.PostingWriter(writer)
    for first, some in ((0, lists[:cut]), (cut, lists[cut:])):
        rows = [
            (10 * (first + term), chunk, count)
            for term, found in enumerate(some)
            for chunk, count in sorted(found.items())
        ]
        terms, chunks, counts = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        written.append(terms.astype(np.uint32), chunks, counts.astype(np.uint8))
    written.finish()
    writer.finish({})
    for term, found in enumerate(lists):
        place = postings.find_postings(writer, 10 * term)
        read_chunks, read_counts = postings.read_postings(writer, place)
        assert (place.count, read_chunks.tolist()) == (len(found), sorted(found))
        for read, exact in zip(read_counts.tolist(), (found[chunk] for chunk in sorted(found)), strict=True):
            assert read == exact if exact < 5 else 0.55 <= read / exact <= 1.75 or exact > 48
    assert postings.find_postings(writer, 5) == postings.NONE


def test_a_posting_that_follows_the_one_before_takes_half_a_byte() -> None:
    writer = MemoryWriter()
    written = postings.PostingWriter(writer)
    written.append(np.full(9600, 7, dtype=np.uint32), np.arange(100, 9700), np.ones(9600, dtype=np.uint8))
    written.finish()
    writer.finish({})
    assert writer["posting_words"].nbytes < 9600 / 2 + 100
