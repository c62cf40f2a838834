"""Test of the whole recipe on a few local files, without a network, in less than three minutes.

Trains a toy of two layers for seconds, so that its results say nothing about quality. Fails if a stage fails, if the
loss does not fall, or if an interrupted run does not continue where it stopped. Start at `main`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from models.training import corpus, sources
from models.training.__main__ import main as run_stage

_LEARNED = ("json", "logging", "email", "http", "concurrent", "importlib", "unittest", "asyncio")
_HELD_OUT = ("urllib",)
_STEPS = 80
_LEARNED_NATS = 0.7
_log = logging.getLogger("models.training.smoke")


def main(arguments: list[str] | None = None) -> int:
    """Run every stage in a temporary folder; return 1 if a stage or a check fails, else 0."""
    parser = argparse.ArgumentParser(prog="python -m models.training.smoke", description=__doc__)
    parser.parse_args(arguments)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        _write_corpus(work)
        common = ["--work", str(work), "--positions", "128"]
        train = [
            *common, "train", "--width", "64", "--layers", "2", "--batch-rows", "8", "--part-rows", "8",
            "--threads", "1", "--minutes", "10", "--steps",
        ]  # fmt: skip
        steps = (
            [*common, "check"],
            [*common, "tokenizer", "--size", "1024"],
            [*common, "samples", "--rows", "2048", "--held-out-rows", "16"],
            [*train, str(_STEPS)],
        )
        if any(map(run_stage, steps)):
            return 1
        if not _is_attention_equal() or not _has_learned(work) or not _can_resume(work, train):
            return 1
        mean = str(work / "mean")
        last_steps = (
            [*common, "average", str(work / "run"), str(work / "run"), "--target", mean],
            [*common, "convert", "--checkpoint", mean],
            [*common, "evaluate", "--per-package", "20"],
        )
        if any(map(run_stage, last_steps)):
            return 1
    _log.info("all stages in %.0f s", time.monotonic() - started)
    return 0


def _write_corpus(work: Path) -> None:
    """Write the corpus without downloads: some packages of the standard library to train on, others held out.

    Raises:
        AssertionError: a copy of a held-out file was not left out.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    held_out = [file for name in _HELD_OUT for file in sources.read_folder(stdlib / name, name, "psf")]
    candidates = [file for name in _LEARNED for file in sources.read_folder(stdlib / name, name, "psf")]
    longest = max(held_out, key=lambda file: len(file.text))
    # A held-out file under another name must be found and left out.
    candidates.append(sources.SourceFile("copied", "renamed.py", longest.text + "\nCOPIED = True\n", "psf"))
    kept, reasons = corpus.select(list(filter(corpus.is_suitable, candidates)), held_out)
    if not reasons["like an evaluation package"]:
        raise AssertionError("a copy of an evaluation file was not left out")
    corpus.write_files(kept, work / "corpus.jsonl")
    corpus.write_files(held_out, work / "evaluation.jsonl")
    corpus.write_card(kept, {}, work)


def _is_attention_equal() -> bool:
    """Return whether the CPU's and the GPU's implementations of attention give equal results."""
    import torch  # noqa: PLC0415 - takes seconds

    from models.training import network  # noqa: PLC0415 - the same

    queries, keys, values = torch.randn(2, 3, 300, 16), torch.randn(2, 300, 16), torch.randn(2, 300, 16)
    parts, whole = network.attend_in_parts(queries, keys, values), network.attend_at_once(queries, keys, values)
    return bool(torch.allclose(parts, whole, atol=1e-5))


def _has_learned(work: Path) -> bool:
    """Return whether the loss of the trained toy on held-back rows is well below that of a new network."""
    from models.training import network, train  # noqa: PLC0415 - torch takes seconds

    trained = network.load(work / "run")
    new = train.compute_mean_loss(network.Network(trained.shape), work / "rows" / "validation")
    learned = train.compute_mean_loss(trained, work / "rows" / "validation")
    _log.info("validation %.2f nats before, %.2f after", new, learned)
    return bool(learned < new - _LEARNED_NATS)


def _can_resume(work: Path, train: list[str]) -> bool:
    """Continue the run with five more steps; return whether it took exactly these.

    `train` is the command of the train stage without the number of steps.
    """
    import torch  # noqa: PLC0415 - takes seconds

    def read_step() -> int:
        """Return the number of steps in the last checkpoint."""
        state = torch.load(work / "run" / "run.pt", weights_only=True)
        return int(state["progress"]["step"])

    before = read_step()
    started = time.monotonic()
    run_stage([*train, str(_STEPS + 5)])
    _log.info("%d steps, after resuming %d, in %.1f s", before, read_step(), time.monotonic() - started)
    return before == _STEPS and read_step() == _STEPS + 5


if __name__ == "__main__":
    sys.exit(main())
