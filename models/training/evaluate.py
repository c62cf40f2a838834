"""Evaluate stage: converted models compared on the same held-out rests of lines.

Runs the models as the product does (CTranslate2, int8, one thread, SPM, greedy), but without ranking, filtering and
context from other files: this compares weights. Start at `compare`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from models.training.samples import Encoder, Mix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.training.samples import Hole

_NEW_TOKENS = 32
_BOOTSTRAP_ROUNDS = 2000
_SEED = 20260101


@dataclass(frozen=True, slots=True)
class Measured:
    """Results of one model at every place; arrays have the shape (places,).

    Attributes:
        exact: whether the completed rest of the line is the original, apart from whitespace at its ends.
        similarity: 1 - Levenshtein distance / longer length.
        loss: nats per token of the original middle, without its end token.
        bits: bits per character of the original middle; comparable between tokenizers.
        sureness: mean log-probability of the generated tokens.
        milliseconds: time for prompt and answer.
    """

    exact: NDArray[np.float64]
    similarity: NDArray[np.float64]
    loss: NDArray[np.float64]
    bits: NDArray[np.float64]
    sureness: NDArray[np.float64]
    milliseconds: NDArray[np.float64]


def measure(
    folder: Path, holes: Sequence[Hole], *, spm: bool = True, context: int = 512, named: bool = True
) -> Measured:
    """Complete every hole with the converted model in `folder`; return the results.

    Args:
        folder: folder of the converted model, with `tokenizer.json`.
        holes: places to complete.
        spm: whether the suffix comes first in the prompt; else the prefix.
        context: maximum number of tokens of prompt and answer together.
        named: whether the prompt names the file.
    """
    tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoder = Encoder(tokenizer, Mix())
    generator = ctranslate2.Generator(str(folder), compute_type="int8", inter_threads=1, intra_threads=1)
    columns: list[tuple[float, ...]] = []
    for hole in holes:
        ids, _ = encoder.make_prompt(hole, context - _NEW_TOKENS, spm=spm, named=named, suffix_tokens=context // 4)
        prompt = [str(tokenizer.id_to_token(number)) for number in ids]
        started = time.perf_counter()
        (result,) = generator.generate_batch(
            [prompt],
            max_length=_NEW_TOKENS,
            include_prompt_in_result=False,
            return_scores=True,
            end_token=["<|endoftext|>"],
        )
        spent = 1000 * (time.perf_counter() - started)
        answer = tokenizer.decode(result.sequences_ids[0], skip_special_tokens=True).split("\n", 1)[0]
        middle = [str(tokenizer.id_to_token(number)) for number in encoder.encode(hole.middle)[:_NEW_TOKENS]]
        (scored,) = generator.score_batch([prompt + middle])
        nats = -sum(scored.log_probs[len(prompt) - 1 :])
        wanted, got = hole.middle.strip(), answer.strip()
        columns.append(
            (
                float(got == wanted),
                1.0 - compute_levenshtein(got, wanted) / max(len(got), len(wanted), 1),
                nats / len(middle),
                nats / np.log(2) / len(hole.middle),
                result.scores[0] / max(len(result.sequences_ids[0]), 1),
                spent,
            )
        )
    del generator
    return Measured(*np.array(columns, dtype=np.float64).T)


def compute_levenshtein(one: str, other: str) -> int:
    """Return the minimum number of characters to insert, delete or replace to turn `one` into `other`.

    The algorithm is that of Wagner and Fischer (1974), "The string-to-string correction problem"; keeps one row.
    """
    row = list(range(len(other) + 1))
    for place, character in enumerate(one, 1):
        diagonal, row[0] = row[0], place
        for column, wanted in enumerate(other, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (character != wanted)),
            )
    return row[-1]


def compute_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the 95 % percentile bootstrap interval of the mean (Efron 1979, "Bootstrap methods")."""
    rng = np.random.default_rng(_SEED)
    means = rng.choice(values, (_BOOTSTRAP_ROUNDS, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def compare(measured: dict[str, Measured]) -> str:
    """Return a table in Markdown: means with intervals, and each model's paired differences to the first model.

    `measured` has the results by the name of the model.
    """
    lines = ["| model | n | exact | similarity | nats a token | bits a character | ms | surest tenth right |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    first = next(iter(measured.values()))
    for name, figures in measured.items():
        surest = np.argsort(-figures.sureness)[: max(1, len(figures.exact) // 10)]
        lines.append(
            f"| {name} | {len(figures.exact)} | {_format_mean(figures.exact)} | {_format_mean(figures.similarity)} "
            f"| {figures.loss.mean():.3f} | {figures.bits.mean():.3f} | {np.median(figures.milliseconds):.0f} "
            f"| {figures.exact[surest].mean():.2f} |"
        )
        if figures is not first:
            lines.append(
                f"| {name}, less the first | | {_format_mean(figures.exact - first.exact)} "
                f"| {_format_mean(figures.similarity - first.similarity)} "
                f"| {_format_mean(figures.loss - first.loss)} | {_format_mean(figures.bits - first.bits)} | | |"
            )
    return "\n".join(lines) + "\n"


def _format_mean(values: NDArray[np.float64]) -> str:
    """Return the mean of `values` with its 95 % interval, as text."""
    low, high = compute_interval(values)
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"
