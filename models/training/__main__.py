"""Commands of the recipe: `python -m models.training STAGE`. Start at `main`."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from pathlib import Path

from tokenizers import Tokenizer

from models.training import corpus, languages, places, samples

_HERE = Path(__file__).parent
_SEED = 20260101
_log = logging.getLogger("models.training")


def main(arguments: list[str] | None = None) -> int:
    """Run the stage that the command line names; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = _make_parser().parse_args(arguments)
    status: int = options.stage(options) or 0
    return status


def _build_corpus(options: argparse.Namespace) -> int:
    """Build the corpus and check it for evaluation code; return the exit status, 1 if the check finds any."""
    corpus.build(options.card, options.work, bytes_per_package=options.bytes_per_package, fetch=not options.offline)
    return _check_corpus(options)


def _check_corpus(options: argparse.Namespace) -> int:
    """Log each message of `corpus.find_contamination`; return the exit status, 1 if there is any."""
    problems = corpus.find_contamination(options.work)
    for problem in problems:
        _log.error("%s", problem)
    _log.info("%d files like an evaluation file", len(problems))
    return 1 if problems else 0


def _make_tokenizer(options: argparse.Namespace) -> None:
    """Train the tokenizer on the corpus, or copy the file of the option `--take`."""
    target = options.work / "tokenizer.json"
    if options.take:
        shutil.copyfile(options.take, target)
        return
    from models.training import vocabulary  # noqa: PLC0415 - the other stages do not need the trainers

    texts = (file.text for file in corpus.read_files(options.work / "corpus.jsonl"))
    vocabulary.train(texts, size=options.size).save(str(target))


def _write_samples(options: argparse.Namespace) -> None:
    """Write the rows of samples for training, validation and evaluation."""
    tokenizer = Tokenizer.from_file(str(options.work / "tokenizer.json"))
    learned, held_back = corpus.split_for_validation(corpus.read_files(options.work / "corpus.jsonl"))
    sets = {
        "train": (learned, options.rows, _SEED),
        "validation": (held_back, options.held_out_rows, _SEED + 1),
        "evaluation": (list(corpus.read_files(options.work / "evaluation.jsonl")), options.held_out_rows, _SEED + 2),
    }
    for name, (files, rows, seed) in sets.items():
        target = options.work / "rows" / name
        plan = samples.RowPlan(rows, options.positions, seed, samples.Mix(neighbours=options.neighbours))
        samples.write_rows(files, tokenizer, target, plan, processes=options.processes)
        _log.info("%s: %d rows of %d tokens from %d files", name, rows, options.positions, len(files))


def _train_network(options: argparse.Namespace) -> None:
    """Train the network, from the last checkpoint in the work folder if there is one."""
    from models.training import network, train  # noqa: PLC0415 - torch takes seconds

    vocabulary = Tokenizer.from_file(str(options.work / "tokenizer.json")).get_vocab_size()
    train.run(
        train.Plan(
            rows=options.work / "rows" / "train",
            folder=options.work / "run",
            begin=options.begin,
            shape=network.Shape(
                vocabulary=vocabulary,
                positions=options.positions,
                width=options.width,
                layers=options.layers,
                heads=max(1, options.width // 64),
                inner=4 * options.width,
            ),
            seconds=60 * options.minutes,
            save_every_s=min(480.0, 60 * options.minutes / 8),
            most_steps=options.steps,
            warm_up_steps=min(50, (options.steps or 500) // 10),
            batch_rows=options.batch_rows,
            part_rows=options.part_rows,
            muon_lr=options.muon_lr,
            adam_lr=options.adam_lr,
            decay_share=options.decay_share,
            device=options.device,
            bf16=options.bf16,
            compiled=options.compiled,
            threads=options.threads,
        )
    )


def _average_checkpoints(options: argparse.Namespace) -> None:
    """Write the mean of checkpoints to the folder of the option `--target`."""
    import torch  # noqa: PLC0415 - takes seconds

    from models.training import network  # noqa: PLC0415 - the same

    mean = network.average(options.folders)
    network.save(mean, options.target, dtype=getattr(torch, options.dtype))


def _convert_checkpoint(options: argparse.Namespace) -> None:
    """Convert a checkpoint to CTranslate2."""
    from models.training import convert  # noqa: PLC0415 - the other stages do not need it

    checkpoint = options.checkpoint or options.work / "run"
    convert.convert(checkpoint, options.work / "tokenizer.json", options.target or options.work / "ct2-int8")


def _compare_models(options: argparse.Namespace) -> int:
    """Print the table that compares converted models; return the exit status, 1 if there is nothing to complete."""
    from models.training import evaluate  # noqa: PLC0415 - the other stages do not load CTranslate2

    files = corpus.read_files(options.work / "evaluation.jsonl")
    if options.held_back:
        _, held_back = corpus.split_for_validation(corpus.read_files(options.work / "corpus.jsonl"))
        files = (file for file in held_back if languages.find_language(file.path) == options.held_back)
    wanted = [file for file in files if not options.packages or file.package in options.packages]
    chosen = places.choose_line_rests(wanted, per_package=options.per_package, seed=options.seed)
    holes = [hole for _package, hole in chosen]
    if not holes:
        _log.error("no place to complete in the chosen files")
        return 1
    folders = options.folders or [options.work / "ct2-int8"]
    measured = {
        f"{number} {folder.name}": evaluate.measure(folder, holes, spm=not options.psm, context=options.positions)
        for number, folder in enumerate(folders, 1)
    }
    sys.stdout.write(evaluate.compare(measured))
    return 0


def _make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with one subcommand for each stage."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".cache/training"), help="folder for all results")
    parser.add_argument("--positions", type=int, default=512, help="context length in tokens")
    stages = parser.add_subparsers(required=True, metavar="STAGE")

    stage = stages.add_parser("data", help="download, filter, deduplicate and check the corpus")
    stage.add_argument("--card", type=Path, default=_HERE / "packages.csv")
    stage.add_argument("--bytes-per-package", type=int, default=700_000)
    stage.add_argument("--offline", action="store_true", help="use only archives that are already downloaded")
    stage.set_defaults(stage=_build_corpus)

    stages.add_parser("check", help="check that the corpus has no code of the evaluation").set_defaults(
        stage=_check_corpus
    )

    stage = stages.add_parser("tokenizer", help="train the tokenizer, or copy one")
    stage.add_argument("--size", type=int, default=8192)
    stage.add_argument("--take", type=Path, help="a tokenizer.json to use")
    stage.set_defaults(stage=_make_tokenizer)

    stage = stages.add_parser("samples", help="make rows of fill-in-the-middle samples")
    stage.add_argument("--rows", type=int, default=24_576)
    stage.add_argument("--held-out-rows", type=int, default=96)
    stage.add_argument(
        "--neighbours", type=float, default=0.2, help="share of rows that begin with other files' snippets"
    )
    stage.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    stage.set_defaults(stage=_write_samples)

    _add_train_options(stages.add_parser("train", help="train, or continue training"))

    stage = stages.add_parser("average", help="write the mean of checkpoints, or a copy of one in another precision")
    stage.add_argument("folders", type=Path, nargs="+")
    stage.add_argument("--target", type=Path, required=True)
    stage.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    stage.set_defaults(stage=_average_checkpoints)

    stage = stages.add_parser("convert", help="convert a checkpoint to CTranslate2 in int8")
    stage.add_argument("--checkpoint", type=Path)
    stage.add_argument("--target", type=Path)
    stage.set_defaults(stage=_convert_checkpoint)

    stage = stages.add_parser("evaluate", help="compare converted models on held-out rests of lines")
    stage.add_argument("folders", type=Path, nargs="*")
    stage.add_argument("--per-package", type=int, default=40)
    stage.add_argument("--packages", nargs="+", help="use only places in these packages")
    stage.add_argument(
        "--held-back",
        metavar="LANGUAGE",
        help="use held-back files of the corpus in this language, not the evaluation's files",
    )
    stage.add_argument("--seed", type=int, default=_SEED, help="seed of the choice of places")
    stage.add_argument("--psm", action="store_true", help="prefix first instead of suffix first")
    stage.set_defaults(stage=_compare_models)
    return parser


def _add_train_options(stage: argparse.ArgumentParser) -> None:
    """Add the options of the train stage to its parser."""
    stage.add_argument("--begin", type=Path, help="checkpoint folder to start from")
    stage.add_argument("--minutes", type=float, default=60, help="length of the run, from its first start")
    stage.add_argument("--steps", type=int, help="end after this number of steps, even if time is left")
    stage.add_argument("--width", type=int, default=256)
    stage.add_argument("--layers", type=int, default=6)
    stage.add_argument("--batch-rows", type=int, default=16)
    stage.add_argument("--part-rows", type=int, default=4, help="rows computed at once")
    stage.add_argument("--muon-lr", type=float, default=0.02)
    stage.add_argument("--adam-lr", type=float, default=3e-3)
    stage.add_argument("--decay-share", type=float, default=0.6, help="last share of the run in which the rates fall")
    stage.add_argument("--device", default="cpu")
    stage.add_argument("--bf16", action="store_true", help="for GPUs and for CPUs with AVX512-BF16 or AMX")
    stage.add_argument("--compiled", action="store_true", help="torch.compile")
    stage.add_argument("--threads", type=int, default=2)
    stage.set_defaults(stage=_train_network)


if __name__ == "__main__":
    raise SystemExit(main())
