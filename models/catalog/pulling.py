"""Download of a published checkpoint from the hub, with progress, resumed after an interruption, and checked by hash.

Runs only if a person asked for this model by name. Downloaded files are data and never run. The token is read by the
caller, sent only to the hub, and appears in no message. Start at `pull`.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING, Any

from models.catalog.installation import hash_file
from models.errors import ModelError
from starling_files import hold_private_umask, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from models.catalog.published_models import PublishedModel

CONNECT_S = 5.0
SPARE_BYTES = 500_000_000  # left free on the disk beside the download
BESIDE_WEIGHTS = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json"),
    *("merges.txt", "model.safetensors.index.json"),
)
WEIGHTS = ("model.safetensors", "model-*.safetensors")
PICKLES = ("pytorch_model.bin", "pytorch_model-*.bin")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository on the hub.

    Attributes:
        name: path inside the repository.
        size_bytes: size of its content.
        sha256: hash of its content in hexadecimal; "" where the hub states none (small files).
    """

    name: str
    size_bytes: int
    sha256: str


def pull(
    published: PublishedModel,
    downloads: Path,
    *,
    token: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    endpoint: str | None = None,
) -> Path:
    """Download the files of `published` that a conversion reads; return their folder, `downloads`/NAME.

    Args:
        published: the model to download.
        downloads: parent of the folder; files of an interrupted download in it are completed.
        token: access token of an account on the hub, for models whose licence has to be accepted; None for none.
        on_progress: called with bytes done and bytes in all.
        endpoint: the hub's address; None for the default.

    Raises:
        ModelError: the download failed; the message says what happened and what to do.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi  # noqa: PLC0415  # heavy; only where a person asked for a download

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # our messages say what matters
    folder = downloads / published.name
    with _translate_errors(published):
        api = HfApi(endpoint=endpoint, token=token or False)
        info = api.model_info(published.repository, files_metadata=True, timeout=CONNECT_S)
    hub = _Hub(published, token, endpoint)
    files = _select_files(published, info.siblings or [])
    _prepare_folder(downloads, sum(file.size_bytes for file in files if not _is_complete(folder, file)))
    total = sum(file.size_bytes for file in files)
    done = 0
    for file in files:
        _fetch(hub, file, folder, str(info.sha), partial(_report_progress, on_progress, done, total))
        done += file.size_bytes
        on_progress(done, total)
    return folder


def _select_files(published: PublishedModel, siblings: Sequence[Any]) -> list[RemoteFile]:
    """Return the files that a conversion reads: configuration and tokenizer, then safetensors, else torch's weights.

    Args:
        published: the model, for the message.
        siblings: all files of the repository, as the hub's library describes them.

    Raises:
        ModelError: the repository has no weights that can be converted.
    """
    files = [RemoteFile(one.rfilename, int(one.size or 0), str(one.lfs.sha256) if one.lfs else "") for one in siblings]

    def select(*patterns: str) -> list[RemoteFile]:
        """Return the files whose names match any of `patterns`."""
        return [file for file in files if any(fnmatch(file.name, pattern) for pattern in patterns)]

    weights = select(*WEIGHTS) or select(*PICKLES)
    if not weights:
        raise ModelError(
            f"The repository {published.repository} holds no weights that can be converted; choose another model."
        )
    return [*select(*BESIDE_WEIGHTS), *weights]


def _is_complete(folder: Path, file: RemoteFile) -> bool:
    """Return whether `folder` has the file in its full size."""
    try:
        return (folder / file.name).stat().st_size == file.size_bytes
    except OSError:
        return False


def _prepare_folder(downloads: Path, needed_bytes: int) -> None:
    """Make the folder `downloads`, and check that its disk has `needed_bytes` free beside `SPARE_BYTES`.

    Raises:
        ModelError: the folder cannot be made, or the disk has less free.
    """
    try:
        make_folder(downloads)
        free = shutil.disk_usage(downloads).free
    except OSError as error:
        raise ModelError(f"{downloads} cannot be made: {error.strerror}; check its permissions.") from error
    if free < needed_bytes + SPARE_BYTES:
        raise ModelError(
            f"The download takes {needed_bytes / 1e9:.1f} GB and {downloads} has {free / 1e9:.1f} GB free; "
            "free some space, then pull again."
        )


def _report_progress(on_progress: Callable[[int, int], None], done: int, total: int, size: int) -> None:
    """Call `on_progress` with the bytes of finished files (`done`) and of the current file (`size`) together."""
    on_progress(done + size, total)


@dataclass(frozen=True, slots=True)
class _Hub:
    """The model to download, and the hub's access token and address."""

    published: PublishedModel
    token: str | None
    endpoint: str | None


def _fetch(hub: _Hub, file: RemoteFile, folder: Path, revision: str, on_bytes: Callable[[int], None]) -> None:
    """Download one file of the commit `revision` into `folder`, and check its hash if the hub states one.

    Raises:
        ModelError: the download failed, or the hash differs; a file with a wrong hash is deleted.
    """
    from huggingface_hub import hf_hub_download  # noqa: PLC0415

    published = hub.published
    with _translate_errors(published), hold_private_umask():
        hf_hub_download(
            published.repository,
            file.name,
            revision=revision,
            local_dir=folder,
            token=hub.token or False,
            endpoint=hub.endpoint,
            tqdm_class=_make_counter(on_bytes),
        )
    if file.sha256 and hash_file(folder / file.name) != file.sha256:
        (folder / file.name).unlink()
        raise ModelError(f"{file.name} of {published.repository} arrived damaged; pull the model again.")


def _make_counter(on_bytes: Callable[[int], None]) -> type:
    """Return a progress bar class for the hub's library that only calls `on_bytes` with the bytes so far.

    Replaces tqdm's lock by one for this process only.
    """
    from tqdm.std import tqdm  # noqa: PLC0415  # comes with the hub's library

    tqdm.set_lock(threading.RLock())  # its own is shared between processes, for which Python 3.14 starts one more

    class Counter(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
            named.pop("name", None)
            named["disable"] = True
            super().__init__(*arguments, **named)
            self._reached = int(named.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            """Count `n` more bytes, and report the sum."""
            self._reached += int(n or 0)
            on_bytes(self._reached)
            return None

    return Counter


@contextmanager
def _translate_errors(published: PublishedModel) -> Iterator[None]:
    """Raise any exception in the block, except a ModelError, as a ModelError with a message for a person."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 (of the network, the disk or the library; each gets a message)
        raise ModelError(_explain_error(published, error)) from None  # the library's message may quote headers


def _explain_error(published: PublishedModel, error: Exception) -> str:
    """Return a message for a person about an exception of the hub's library, and what to do."""
    from huggingface_hub import errors  # noqa: PLC0415

    page = f"https://huggingface.co/{published.repository}"
    if isinstance(error, errors.GatedRepoError) or (published.gated and _read_status(error) in (401, 403)):
        return (
            f"{published.repository} has to be unlocked first: accept its licence at {page} with an account, and give "
            "a token of that account with --token-file."
        )
    if isinstance(error, errors.RepositoryNotFoundError) or _read_status(error) in (401, 403, 404):
        return f"The hub has no {published.repository}, or does not show it to this token; look at {page}."
    if (status := _read_status(error)) is not None:
        return (
            f"The hub answered with status {status}; pull {published.name} again later. "
            "The download resumes where it stopped."
        )
    if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
        return f"{published.name} cannot be stored: {error.strerror}; check space and permissions."
    return (
        f"The hub cannot be reached ({type(error).__name__}); check the network, then pull {published.name} again. "
        "The download resumes where it stopped. A folder with the model's files can be converted without a network: "
        "starling models convert FOLDER."
    )


def _read_status(error: Exception) -> int | None:
    """Return the HTTP status of the answer that caused `error`; None if there was no answer."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None
