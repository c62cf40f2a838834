"""Installation of the user's own models, whole or not at all; checks of their files; removal. Start at `install`."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.catalog.catalog import ENTRY_FILE, read_entry
from models.catalog.prompt_formats import CHATML, match_fim_format
from models.catalog.published_models import PublishedModel, find_family_fim, format_entry
from models.errors import ModelError
from starling_files import make_folder, make_tree_private, read_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.catalog.catalog import ModelEntry
    from models.conversion.gguf_description import OriginFacts
    from models.conversion.variables import Quantization

_LARGEST_SUMS = 10_000_000  # bytes

CHECKSUMS_FILE = "checksums.json"
ENCODERS = ("bert", "roberta")
AGAIN = "remove the model, then pull or convert it again"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def install(  # noqa: PLR0913 (as for a conversion)
    published: PublishedModel,
    checkpoint: Path,
    models_dir: Path,
    *,
    quantization: Quantization = "int8",
    tokenizer: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ModelEntry:
    """Convert `checkpoint`, install it in `models_dir` with its checksums, and return its catalog entry.

    Args:
        published: name, licence and formats for the entry.
        checkpoint: folder as its authors publish it, or a GGUF file.
        models_dir: folder of the user's models.
        quantization: number type of the weights.
        tokenizer: a `tokenizer.json` to use in place of the model's own; None for its own.
        on_progress: called with bytes written and bytes in all.

    Raises:
        ModelError: the model cannot be installed, and nothing is left behind; the message says what to do.
    """
    from models.conversion.conversion import convert  # noqa: PLC0415  # brings numpy and CTranslate2

    if not NAME.fullmatch(published.name):
        raise ModelError(
            f"{published.name!r} is no name for a model; use letters, digits, dots, dashes and underscores."
        )
    target = models_dir / published.name
    if target.exists():
        raise ModelError(f"There is a model {published.name} already; `starling models remove {published.name}` first.")
    try:
        make_folder(models_dir)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=models_dir) as scratch:
            made = Path(scratch, published.name)
            converted = convert(
                checkpoint, made, quantization=quantization, tokenizer=tokenizer, on_progress=on_progress
            )
            source = published.repository or str(checkpoint.resolve())
            text = format_entry(published, converted, quantization=quantization, source=source)
            (made / ENTRY_FILE).write_text(text, encoding="utf-8")
            sums = {path.name: hash_file(path) for path in sorted(made.iterdir())}
            (made / CHECKSUMS_FILE).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")
            make_tree_private(made)
            made.rename(target)
    except OSError as error:
        raise ModelError(
            f"The model {published.name} cannot be stored in {models_dir}: {error.strerror}; "
            "check space and permissions."
        ) from error
    return read_entry(target / ENTRY_FILE)


def describe_checkpoint(
    checkpoint: Path, name: str, tokenizer: Path | None = None, origin: OriginFacts | None = None
) -> PublishedModel:
    """Describe a local checkpoint or GGUF file, from its configuration and the markers that its tokenizer knows.

    Args:
        checkpoint: folder of a checkpoint, or a GGUF file.
        name: name for the description.
        tokenizer: a `tokenizer.json` to use in place of the model's own; None for its own.
        origin: facts about a GGUF file from the program that stores it; None for none.

    Raises:
        ModelError: `checkpoint` is no model, or the model can neither complete nor chat nor embed.
    """
    from models.conversion import gguf_description  # noqa: PLC0415
    from models.conversion.conversion import count_parameters, get_context_tokens  # noqa: PLC0415
    from models.conversion.model_source import open_model  # noqa: PLC0415

    opened = open_model(checkpoint, tokenizer)
    if opened.contents is not None:
        origin = origin or gguf_description.NO_FACTS
        return gguf_description.describe_model(opened.contents, opened.checkpoint, opened.vocabulary, name, origin)
    tokens = frozenset(opened.vocabulary.tokens)
    network = str(opened.checkpoint.config.get("model_type"))
    published = PublishedModel(
        name=name,
        repository="",
        network=network,
        parameters=count_parameters(opened.checkpoint),
        context_tokens=get_context_tokens(opened.checkpoint),
        licence="unknown",
        gated=False,
        roles=("embedding",),
    )
    if network in ENCODERS:
        return published
    fim = match_fim_format(tokens)
    chat = CHATML if "<|im_start|>" in tokens and "<|im_end|>" in tokens else None
    if fim is None and chat is None:
        raise ModelError(
            f"The tokenizer in {checkpoint} knows neither fill-in-the-middle nor chat markers that are known here; "
            'write a catalog.toml for it by hand (docs/convert.md, "A model folder").'
        )
    roles = (*(("completion",) if fim else ()), *(("chat", "review") if chat else ()))
    return replace(published, roles=roles, fim=find_family_fim(fim, network) if fim else None, chat=chat)


def explain_damage(entry: ModelEntry) -> str:
    """Return a message about the first file of an installed model that is missing or differs from its checksum.

    Returns "" if all files are intact, and for a model without checksums; changes of `catalog.toml` are allowed.
    """
    path = entry.folder / CHECKSUMS_FILE
    try:
        sums = dict[str, Any](json.loads(read_text(path, _LARGEST_SUMS)))
    except FileNotFoundError:
        return ""  # a model that a person put there by hand
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return f"{path} cannot be read ({error}); {AGAIN}."
    for name, expected in sums.items():
        try:
            found = hash_file(entry.folder / Path(name).name)
        except OSError as error:
            return f"{name} of the model {entry.name} is gone ({error.strerror}); {AGAIN}."
        if found != expected and name != ENTRY_FILE:  # a person may edit the entry
            return f"{name} of the model {entry.name} has changed since it was written; {AGAIN}."
    return ""


def remove(entry: ModelEntry, models_dir: Path) -> None:
    """Delete the folder of one of the user's own models.

    Raises:
        ModelError: the model came with the program, lies outside `models_dir`, or cannot be deleted.
    """
    if entry.bundled:
        raise ModelError(f"The model {entry.name} is part of Starling; set `model.enabled` to false to turn it off.")
    if entry.folder.resolve().parent != models_dir.resolve() or entry.folder.is_symlink():
        raise ModelError(f"The model {entry.name} lies outside {models_dir}; remove {entry.folder} by hand.")
    try:
        shutil.rmtree(entry.folder)
    except OSError as error:
        raise ModelError(
            f"{entry.folder} cannot be removed: {error.strerror}; close the programs that use it."
        ) from error


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
