"""Models in the hub's cache: a folder per repository, with snapshots whose files are links into its `blobs`.

A link is followed only if its target lies in the folder of the repository. Start at `find_models_in`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from models.catalog.discovery.folder_walk import find_ggufs
from models.catalog.discovery.found_model import MOST_ENTRIES, FoundModel, describe_gguf, sanitize_name
from models.catalog.published_models import NETWORKS
from models.conversion.checkpoint import CONFIG_FILE, SAFETENSORS, Checkpoint
from models.conversion.conversion import count_parameters
from models.conversion.vocabulary import TOKENIZER_FILE
from models.errors import ModelError
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_CONFIG = 1_000_000  # bytes
LARGEST_REFERENCE = 200
SNAPSHOT_DEPTH = 2  # a repository may keep its quantizations in folders
READ = (".json", ".txt", ".safetensors")  # endings of the files that a conversion reads
REVISION = re.compile(r"[0-9a-f]{7,64}")


def find_models_in(cache: Path, program: str) -> Iterator[FoundModel]:
    """Yield the models in a cache of the hub: GGUF files, and checkpoints in safetensors.

    Args:
        cache: folder of the cache.
        program: prefix of the models' names ("hf").
    """
    for repository in _list_repositories(cache):
        name = "/".join(repository.name.removeprefix("models--").split("--", 1))
        snapshot = _find_snapshot(repository)
        if snapshot is None:
            continue
        for file in find_ggufs(snapshot, SNAPSHOT_DEPTH):
            if not _is_inside(file, repository):
                continue
            inside = file.relative_to(snapshot).as_posix().removesuffix(".gguf")
            if (found := describe_gguf(f"{program}:{name}/{inside}", file)) is not None:
                yield found
        if (snapshot / CONFIG_FILE).is_file() and next(snapshot.glob(SAFETENSORS), None) is not None:
            yield _describe_checkpoint(f"{program}:{name}", name, snapshot, repository)


def _list_repositories(cache: Path) -> list[Path]:
    """Return the folders of model repositories in `cache`, sorted; none if it cannot be read."""
    try:
        listed = [path for path, _ in zip(cache.glob("models--*"), range(MOST_ENTRIES), strict=False)]
    except OSError:
        return []
    return sorted(path for path in listed if path.is_dir() and not path.is_symlink())


def _find_snapshot(repository: Path) -> Path | None:
    """Return the snapshot that `refs/main` names, else the newest one; None if there is none."""
    snapshots = repository / "snapshots"
    try:
        revision = read_text(repository / "refs" / "main", LARGEST_REFERENCE).strip()
        if REVISION.fullmatch(revision) and (snapshots / revision).is_dir():
            return snapshots / revision
    except (OSError, UnicodeDecodeError):
        pass
    try:
        listed = [path for path, _ in zip(snapshots.iterdir(), range(MOST_ENTRIES), strict=False)]
        folders = [path for path in listed if path.is_dir() and not path.is_symlink()]
        return max(folders, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def _is_inside(file: Path, repository: Path) -> bool:
    """Return whether `file` lies in the folder `repository` after its links are followed."""
    try:
        return file.resolve(strict=True).is_relative_to(repository.resolve())
    except (OSError, RuntimeError):  # the link leads nowhere, or in a circle
        return False


def _describe_checkpoint(name: str, repository_name: str, snapshot: Path, repository: Path) -> FoundModel:
    """Describe the checkpoint in the folder `snapshot`, with a `problem` if it cannot be converted.

    Args:
        name: name for the description.
        repository_name: "owner/name" on the hub.
        snapshot: folder of the checkpoint, inside `repository`.
        repository: folder that all files of the checkpoint have to lie in.
    """
    size = 0
    problem = ""
    try:
        listed = zip(sorted(snapshot.iterdir()), range(MOST_ENTRIES), strict=False)
        files = [file for file, _ in listed if file.suffix in READ]
    except OSError as error:  # removed while it is looked at, or not readable
        files, problem = [], f"its folder cannot be read ({error.strerror})"
    for file in files:
        if not _is_inside(file, repository):
            problem = problem or f"its {sanitize_name(file.name)} lies outside the cache"
        elif file.suffix == ".safetensors":
            size += file.stat().st_size
    config = _read_config(snapshot / CONFIG_FILE) if not problem else {}
    network = sanitize_name(str(config.get("model_type", "")))
    stored = str(config.get("torch_dtype") or config.get("dtype") or "")
    parameters = 0
    if not problem:
        problem = _explain_unusable(snapshot, network, config)
    if not problem:
        try:
            parameters = count_parameters(Checkpoint.open(snapshot))
        except ModelError as error:
            problem = str(error)
    return FoundModel(
        sanitize_name(name),
        snapshot,
        size,
        sanitize_name(stored),
        network,
        parameters,
        problem=problem,
        repository=repository_name,
    )


def _explain_unusable(snapshot: Path, network: str, config: dict[str, Any]) -> str:
    """Return the reason why a checkpoint cannot be converted, from its configuration and files; "" for no reason."""
    if network not in NETWORKS:
        return f"its architecture is {network or 'unknown'!r}; supported are {', '.join(NETWORKS)}"
    if config.get("quantization_config") or config.get("quantization"):
        return "its weights are quantized for another program; take the original, or a GGUF file"
    if not (snapshot / TOKENIZER_FILE).is_file() and not (snapshot / "vocab.json").is_file():
        return f"it has no {TOKENIZER_FILE}"
    return ""


def _read_config(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file `path`; an empty one if it cannot be read."""
    try:
        value = json.loads(read_text(path, LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
