"""Loading models where the settings say: in this process, in the shared model host, or at an address.

Personal settings: neither a workspace nor an editor can name an address. Starts nothing by itself: the host is started
by the first model that is loaded through it. Start at `completion` and `chat`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from server.assembly.host_place import KEYWORDS, SOCKET
from server.state import paths
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.catalog.catalog import Catalog, ModelEntry
    from models.completion import CompletionModel
    from models.host.address import Address
    from models.host.hosted_chat import HostedChat
    from models.host.launcher import HostLauncher
    from models.local.ctranslate_completion import CTranslateModel
    from models.local.load_times import LoadTime
    from server.assembly.setting_sections import ModelSettings


# Over a connection a key waits a few milliseconds longer; weights of this size are worth them.
LARGE_BYTES = 200_000_000


# A host that hangs is looked for again soon: at first after so many seconds, then after at most so many.
RESTS_S = (1.0, 4.0)


# Variables that decide where and with what a host computes.
DEVICE_VARIABLES = ("CUDA_", "CT2_", "OMP_", "MKL_", "OPENBLAS_", "NVIDIA_")


ENTRY = Path(__file__).resolve().parents[2] / "starling_lsp.py"


def is_remote(settings: ModelSettings) -> bool:
    """Return whether a server at an address computes."""
    return settings.host not in KEYWORDS


def uses_host(settings: ModelSettings, entry: ModelEntry) -> bool:
    """Return whether the model host computes."""
    if settings.host != "auto":
        return settings.host == "always"
    return _measure_weights(entry) >= LARGE_BYTES or (settings.device != "cpu" and has_gpu())


def has_gpu() -> bool:
    """Return whether this machine has a driver for NVIDIA's GPUs."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists()


def make_launcher() -> HostLauncher:
    """Return the model host of this user, version and configuration."""
    from models.host.launcher import HostLauncher  # noqa: PLC0415 (for models that are not in this process)

    return HostLauncher(choose_address(), make_command())


def choose_address() -> Address:
    """Return where it listens: in the first folder that can be made, is trusted, and short enough for a socket.

    Raises:
        HostError: the names of all folders are too long for a socket.
    """
    from models.errors import HostError  # noqa: PLC0415 (as below)
    from models.host.address import LONGEST_PATH, Address  # noqa: PLC0415 (for models that are not in this process)
    from models.host.folder_trust import create_private_folder  # noqa: PLC0415

    named = compute_fingerprint()
    places = [Address(folder, VERSION, configuration=named, own_parts=own) for folder, own in _list_folders()]
    short = [place for place in places if len(os.fsencode(place.socket)) <= LONGEST_PATH]
    if not short:
        raise HostError(
            f"No folder has a name short enough for the model host's socket ({LONGEST_PATH} bytes); "
            "set XDG_RUNTIME_DIR to a folder of yours with a shorter one."
        )
    return next((place for place in short if create_private_folder(place.folder, place.own_parts)), short[0])


def _list_folders() -> list[tuple[Path, int]]:
    """Return folders for the host's socket, best first, each with the number of its last parts that Starling creates.

    Only the user can create a folder in the cache. Anybody can in the folder of temporary files; a folder of somebody
    else there is refused.
    """
    run, cached = paths.run_dir(), paths.cache_dir() / "run"
    name = hashlib.sha256(str(run).encode()).hexdigest()[:12]
    return [(run, 1), (cached, 1), (paths.temporary_dir() / name, 2)]


def compute_fingerprint() -> str:
    """Return a short name of all that decides what a host answers, beside the version and what requests say themselves.

    A host that was started with other settings never answers for these: it has another address.
    """
    settings = (paths.models_dir(), paths.settings_file(), paths.state_dir(), paths.log_dir())
    devices = sorted(name for name in os.environ if name.startswith(DEVICE_VARIABLES))
    decides = [
        os.path.realpath(sys.prefix),
        str(ENTRY),
        platform.node(),  # a home may be shared by machines
        *map(str, settings),
        *(f"{name}={os.environ[name]}" for name in devices),
    ]
    return hashlib.sha256("\0".join(decides).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def make_command() -> list[str]:
    """Return the command that starts the host: this program, isolated from the environment of this process."""
    return [sys.executable, "-P", "-E", str(ENTRY), "models", "serve"]


def make_host_loader(settings: ModelSettings, entry: ModelEntry) -> Callable[[], CompletionModel]:
    """Return a loader that loads a model in the host, or in this process if no host can be started."""
    from models.catalog.catalog import DEFAULT_MODEL, Catalog  # noqa: PLC0415 (for a model in the host, as all here)
    from models.errors import HostError, SilentHostError  # noqa: PLC0415
    from models.host.connection import HostConnection  # noqa: PLC0415
    from models.host.protocol import PlacementSettings  # noqa: PLC0415
    from models.remote.completion.dialects import HostDialect  # noqa: PLC0415
    from models.remote.completion.remote_completion import RemoteModel  # noqa: PLC0415
    from models.remote.completion.standby import Absence, StandbyModel  # noqa: PLC0415
    from models.tokenizer import Tokenizer  # noqa: PLC0415

    placing = PlacementSettings(settings.device, settings.compute_type, settings.threads)

    def connect() -> CompletionModel:
        tokenizer = Tokenizer.read(entry.tokenizer)
        model = RemoteModel(entry, HostConnection(make_launcher()), HostDialect(), placing=placing, tokenizer=tokenizer)
        try:
            model.load()
        except BaseException:
            model.close()
            raise
        return model

    def load() -> CompletionModel:
        standby = make_local_loader(settings, Catalog.load(None).get(DEFAULT_MODEL) or entry)
        try:
            return StandbyModel(connect, standby, absence=Absence(*RESTS_S, at_first=SilentHostError, later=HostError))
        except HostError as error:
            here = make_local_loader(settings, entry)()
            here.problems = (*here.problems, f"{error} Until then the model is loaded into each server by itself.")
            return here

    return load


def make_local_loader(settings: ModelSettings, entry: ModelEntry) -> Callable[[], CTranslateModel]:
    """Return a loader that loads a model in this process."""
    from functools import partial  # noqa: PLC0415

    from models.local.loading import load  # noqa: PLC0415

    return partial(
        load,
        entry,
        device=settings.device,
        compute_type=settings.compute_type,
        threads=settings.threads,
        state_dir=paths.ensure_writable(paths.state_dir()).path,  # where the fastest number of threads is remembered
    )


def open_load_time(settings: ModelSettings, entry: ModelEntry) -> LoadTime | None:
    """Return the store of how long a large model takes to load; None for small ones, which load at once."""
    from models.local.load_times import LoadTime  # noqa: PLC0415 (for a person with a large model)

    if not entry.large:
        return None
    place = "host" if uses_host(settings, entry) else "server"
    how = f"{settings.device}|{settings.compute_type}|{settings.threads}"
    return LoadTime(
        f"{entry.name}|{_measure_weights(entry)}|{place}|{how}", paths.ensure_writable(paths.state_dir()).path
    )


def make_remote_loader(settings: ModelSettings, catalog: Catalog) -> tuple[ModelEntry, Callable[[], CompletionModel]]:
    """Return the catalog entry of the model at an address, and its loader.

    While the address does not answer, the bundled model answers in this process.
    """
    from indexing.workspace.secrets.literals import find_secrets  # noqa: PLC0415 (for a person with a server of their own)
    from models.catalog.catalog import DEFAULT_MODEL  # noqa: PLC0415
    from models.masked_completion import MaskedModel  # noqa: PLC0415
    from models.remote.completion.discovery import connect_to_server, make_entry  # noqa: PLC0415
    from models.remote.completion.standby import StandbyModel  # noqa: PLC0415

    place = settings.host
    socket = Path(place.removeprefix(SOCKET)) if place.startswith(SOCKET) else None

    def find_entry(name: str) -> ModelEntry:
        return catalog.get(name) or make_entry(name)

    entry, named = find_entry(settings.name), bool(settings.name)

    def connect() -> CompletionModel:
        there = connect_to_server(entry, "" if socket else place, socket, named=named, known=find_entry)
        return MaskedModel(there, find_secrets)

    standby = catalog.get(DEFAULT_MODEL)
    if standby is None:
        return entry, connect
    return entry, lambda: StandbyModel(connect, make_local_loader(settings, standby))


def make_chat(entry: ModelEntry) -> HostedChat:
    """Return a chat model of the catalog that the host computes."""
    from models.host.connection import HostConnection  # noqa: PLC0415
    from models.host.hosted_chat import HostedChat  # noqa: PLC0415 (for a person with such a model)

    return HostedChat(entry, HostConnection(make_launcher()))


def _measure_weights(entry: ModelEntry) -> int:
    from models.local.weights_file import WEIGHTS_FILE  # noqa: PLC0415

    try:
        return (entry.weights / WEIGHTS_FILE).stat().st_size
    except OSError:
        return 0
