"""Converted networks give the results of transformers for the same weights (see `make_networks.py`)."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ctranslate2.specs import common_spec

from models.conversion.checkpoint import Tensor
from models.conversion.conversion import convert
from models.conversion.variables import QUANTIZATIONS, Fused, quantize
from tests.models.conversion.parity import (
    DECODERS,
    ENCODERS,
    NETWORKS,
    TABLE,
    TOLERANCE,
    compare_decoder,
    compare_encoder,
    compute_logits,
    name_tokens,
)

if TYPE_CHECKING:
    from pathlib import Path

    from models.conversion.variables import Quantization


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_gives_the_logits_and_the_greedy_tokens_of_transformers(name: str, tmp_path: Path) -> None:
    difference, same = compare_decoder(name, tmp_path)
    assert difference < TOLERANCE
    assert same


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_gives_the_states_of_transformers(name: str, tmp_path: Path) -> None:
    assert compare_encoder(name, tmp_path) < TOLERANCE


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_weights_are_quantized_as_in_the_runtime(quantization: Quantization, tmp_path: Path) -> None:
    numbers = np.random.default_rng(20260101).normal(size=(7, 5)).astype(np.float32)
    numbers[3] = 0
    file = tmp_path / "numbers"
    numbers.tofile(file)
    ours, theirs = common_spec.LinearSpec(), common_spec.LinearSpec()
    ours.weight = Fused([Tensor("numbers", file, "F32", (7, 5), 0)])
    theirs.weight = numbers.copy()
    for specification in (ours, theirs):
        specification.validate()
    quantize(ours, quantization)
    if quantization == "bfloat16":  # the runtime would need torch for it
        bits = np.frombuffer(ours.weight.to_bytes(), "<u2").astype("<u4") << 16
        assert np.abs(bits.view("<f4").reshape(7, 5) - numbers).max() < 2**-8 * np.abs(numbers).max()
        return
    theirs.optimize(quantization)
    for name, value in theirs.variables().items():
        made = ours.variables()[name]
        assert (made.dtype, tuple(made.shape), made.num_bytes()) == (value.dtype, tuple(value.shape), value.num_bytes())
        assert made.to_bytes() == value.to_bytes()


@pytest.mark.parametrize("quantization", ["int8", "int8_float16", "int8_bfloat16", "float16", "bfloat16"])
def test_a_quantized_network_runs_with_similar_results(quantization: Quantization, tmp_path: Path) -> None:
    convert(NETWORKS / "starcoder2", tmp_path / "made", quantization=quantization)
    expected = np.load(NETWORKS / "starcoder2" / "expected.npz")
    compute_type = "int8_float32" if quantization.startswith("int8") else "float32"
    logits = compute_logits(tmp_path / "made", name_tokens(expected["tokens"]), compute_type)
    least = (
        0.9 if quantization.startswith("int8") else 0.999
    )  # 32 wide and random: int8 costs it more than it does others
    assert np.corrcoef(logits.ravel(), expected["logits"].ravel())[0, 1] > least


def test_the_table_names_every_network() -> None:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = {row["network"]: row for row in csv.DictReader(stream)}
    assert sorted(rows) == sorted([*DECODERS, *ENCODERS])
    assert all(float(row["largest_difference"]) < TOLERANCE for row in rows.values())
