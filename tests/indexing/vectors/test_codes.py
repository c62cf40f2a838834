"""Quantized vectors: the nearest of many are found as with whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from indexing.vectors import codes


@pytest.mark.parametrize("width", [3, 64, 384])
def test_levels_give_the_scalar_product_and_signs_the_bits(width: int) -> None:
    vectors = np.random.default_rng(1).normal(size=(5, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = codes.quantize(vectors)
    assert made.signs.shape == (5, codes.count_words(width))
    assert np.bitwise_count(made.signs).sum(axis=1).tolist() == (vectors > 0).sum(axis=1).tolist()
    assert codes.score(made.levels, made.scales, vectors[0]) == pytest.approx(vectors @ vectors[0], abs=0.02)


def test_near_vectors_are_among_the_candidates_and_few_vectors_all_are() -> None:
    random = np.random.default_rng(2)
    vectors = random.normal(size=(2000, 128)).astype(np.float32)
    near = vectors[7] + 0.3 * random.normal(size=128).astype(np.float32)
    made = codes.quantize(vectors)
    (query,) = codes.quantize(near[None, :]).signs
    found = codes.find_candidates(made.signs.T, query, 20)
    assert len(found) == 20
    assert 7 in found
    assert codes.find_candidates(made.signs[:3].T, query, 20).tolist() == [0, 1, 2]


def test_a_vector_of_zeros_has_the_score_zero() -> None:
    made = codes.quantize(np.zeros((1, 64), dtype=np.float32))
    assert codes.score(made.levels, made.scales, np.ones(64, dtype=np.float32)).tolist() == [0.0]
