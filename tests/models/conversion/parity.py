"""Comparison of converted networks with the results of transformers for the same weights; writes `parity.csv`.

`python -m tests.models.conversion.parity` after `make_networks.py`.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import ctranslate2
import numpy as np

from models.conversion.conversion import convert

NETWORKS = Path(__file__).parent / "networks"
TABLE = Path(__file__).parent / "parity.csv"
ENCODERS = ("bert", "roberta")
DECODERS = sorted(path.name for path in NETWORKS.iterdir() if path.name not in ENCODERS)
TOLERANCE = 1e-3  # of a logit, float32


def name_tokens(numbers: np.ndarray) -> list[str]:
    """Return the tokens of `networks/` with these numbers."""
    return [f"t{number}" if number < 90 else f"<extra_id_{number - 90}>" for number in numbers]


def compute_logits(folder: Path, tokens: list[str], compute_type: str = "float32") -> np.ndarray:
    """Return the logits (tokens, vocabulary) of the converted decoder in `folder`."""
    generator = ctranslate2.Generator(str(folder), compute_type=compute_type, intra_threads=1)
    return np.array(generator.forward_batch([tokens]))[0]


def compare_decoder(name: str, tmp_path: Path) -> tuple[float, bool]:
    """Convert a network; return the largest difference of logits, and whether greedy decoding gives the same tokens.

    Compares only tokens within the model's context.
    """
    converted = convert(NETWORKS / name, tmp_path / name, quantization="float32")
    expected = np.load(NETWORKS / name / "expected.npz")
    tokens = name_tokens(expected["tokens"])[: converted.context_tokens]
    difference = float(np.abs(compute_logits(tmp_path / name, tokens) - expected["logits"][: len(tokens)]).max())
    if len(tokens) < len(expected["tokens"]):
        return difference, True  # the greedy tokens are beyond the context
    generator = ctranslate2.Generator(str(tmp_path / name), compute_type="float32", intra_threads=1)
    count = len(expected["greedy"])
    (result,) = generator.generate_batch(
        [tokens], max_length=count, min_length=count, include_prompt_in_result=False, end_token=[]
    )
    return difference, result.sequences_ids[0] == expected["greedy"].tolist()


def compare_encoder(name: str, tmp_path: Path) -> float:
    """Convert a network; return the largest difference of the last hidden states."""
    convert(NETWORKS / name, tmp_path / name, quantization="float32")
    expected = np.load(NETWORKS / name / "expected.npz")
    encoder = ctranslate2.Encoder(str(tmp_path / name), compute_type="float32", intra_threads=1)
    state = np.array(encoder.forward_batch([expected["tokens"].tolist()]).last_hidden_state)[0]
    return float(np.abs(state - expected["state"]).max())


def main() -> None:
    """Compare all networks, and write the table."""
    with tempfile.TemporaryDirectory() as scratch, TABLE.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("network", "largest_difference", "same_greedy_tokens"))
        for name in DECODERS:
            difference, same = compare_decoder(name, Path(scratch))
            table.writerow((name, f"{difference:.1e}", "yes" if same else "no"))
        for name in ENCODERS:
            table.writerow((name, f"{compare_encoder(name, Path(scratch)):.1e}", ""))


if __name__ == "__main__":
    main()
