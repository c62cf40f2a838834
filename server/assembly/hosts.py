"""Loaders of models: in this process, in the shared model host, or at the address of a server, as the settings say.

Only the person's own settings can name an address. Starts nothing by itself: the first model that is loaded through the
host starts it. Start at `make_host_loader` and `make_chat`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import partial
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
    from models.local.load_times import LoadTime
    from models.sharing import SharedModel
    from server.assembly.setting_sections import ModelSettings


LARGE_BYTES = 200_000_000  # weights from this size on are shared, although a request then takes milliseconds longer
RESTS_S = (1.0, 4.0)  # the first and the longest pause before a host that hangs is tried again
DEVICE_VARIABLES = ("CUDA_", "CT2_", "OMP_", "MKL_", "OPENBLAS_", "NVIDIA_")  # they affect how a host computes
ENTRY = Path(__file__).resolve().parents[2] / "starling_lsp.py"


def uses_remote_server(settings: ModelSettings) -> bool:
    """Return whether the settings name the address of a server that computes the completions."""
    return settings.host not in KEYWORDS


def uses_model_host(settings: ModelSettings, entry: ModelEntry) -> bool:
    """Return whether the shared model host computes the model `entry`.

    By default the host computes large models, and all models if there may be a GPU to compute on.
    """
    if settings.host != "auto":
        return settings.host == "always"
    return _measure_weights(entry) >= LARGE_BYTES or (settings.device != "cpu" and has_gpu())


def has_gpu() -> bool:
    """Return whether this machine has a driver for NVIDIA's GPUs."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists()


def make_host_launcher() -> HostLauncher:
    """Return a launcher, which starts or finds the model host of this user, version and configuration."""
    from models.host.launcher import HostLauncher  # noqa: PLC0415 (for models that are not in this process)

    return HostLauncher(choose_host_address(), make_host_command())


def choose_host_address() -> Address:
    """Return the address of the model host's socket, in the first usable folder; creates that folder.

    A usable folder belongs to this user, and its path is short enough for a socket. If none is usable, returns the
    address in the first folder with a short path.

    Raises:
        HostError: the names of all folders are too long for a socket.
    """
    from models.errors import HostError  # noqa: PLC0415 (as below)
    from models.host.address import LONGEST_PATH, Address  # noqa: PLC0415 (for models that are not in this process)
    from models.host.folder_trust import create_private_folder  # noqa: PLC0415

    named = compute_configuration_id()
    places = [Address(folder, VERSION, configuration=named, own_parts=own) for folder, own in list_socket_folders()]
    short = [place for place in places if len(os.fsencode(place.socket)) <= LONGEST_PATH]
    if not short:
        raise HostError(
            f"No folder has a name short enough for the model host's socket ({LONGEST_PATH} bytes); "
            "set XDG_RUNTIME_DIR to a folder of yours with a shorter one."
        )
    return next((place for place in short if create_private_folder(place.folder, place.own_parts)), short[0])


def list_socket_folders() -> list[tuple[Path, int]]:
    """Return the candidate folders for sockets of Starling, best first.

    Each comes with the number of its last path parts that Starling may create. The last candidate is among temporary
    files, where another user could have created it first; who uses the folders has to check them.
    """
    run, cached = paths.run_dir(), paths.cache_dir() / "run"
    name = hashlib.sha256(str(run).encode()).hexdigest()[:12]
    return [(run, 1), (cached, 1), (paths.temporary_dir() / name, 2)]


def compute_configuration_id() -> str:
    """Return a hash of the paths, the machine's name and the variables that affect a host's answers.

    The hash is part of the host's address, so that a host started with another configuration is not used.
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


def make_host_command() -> list[str]:
    """Return the command that starts the host: this program, without Python's environment variables."""
    return [sys.executable, "-P", "-E", str(ENTRY), "models", "serve"]


def make_host_loader(settings: ModelSettings, entry: ModelEntry) -> Callable[[], CompletionModel]:
    """Return a loader of `entry` that uses the model host, or this process if no host can be started.

    While the host does not answer, the loaded model lets the bundled model answer.
    """
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
        """Return the model, loaded in the host; raise HostError if that fails."""
        tokenizer = Tokenizer.read(entry.tokenizer)
        model = RemoteModel(
            entry, HostConnection(make_host_launcher()), HostDialect(), placing=placing, tokenizer=tokenizer
        )
        try:
            model.load()
        except BaseException:
            model.close()
            raise
        return model

    def load() -> CompletionModel:
        """Return the model in the host with its standby, or the model in this process with a problem added."""
        standby = make_local_loader(settings, Catalog.load(None).get(DEFAULT_MODEL) or entry)
        try:
            return StandbyModel(connect, standby, absence=Absence(*RESTS_S, at_first=SilentHostError, later=HostError))
        except HostError as error:
            here = make_local_loader(settings, entry)()
            here.problems = (*here.problems, f"{error} Until then the model is loaded into each server by itself.")
            return here

    return load


def make_local_loader(settings: ModelSettings, entry: ModelEntry) -> Callable[[], SharedModel]:
    """Return a loader of `entry` in this process, whose sessions share its weights."""
    from models.local.loading import load  # noqa: PLC0415
    from models.sharing import load_shared  # noqa: PLC0415

    loader = partial(
        load,
        entry,
        device=settings.device,
        compute_type=settings.compute_type,
        threads=settings.threads,
        state_dir=paths.ensure_writable(paths.state_dir()).path,  # where the fastest number of threads is remembered
    )
    key = (repr(entry), _measure_weights(entry), settings.device, settings.compute_type, settings.threads)
    return partial(load_shared, key, loader)


def open_load_time(settings: ModelSettings, entry: ModelEntry) -> LoadTime | None:
    """Return the record of how long the large model `entry` takes to load; None for a small model."""
    from models.local.load_times import LoadTime  # noqa: PLC0415 (for a person with a large model)

    if not entry.large:
        return None
    place = "host" if uses_model_host(settings, entry) else "server"
    how = f"{settings.device}|{settings.compute_type}|{settings.threads}"
    return LoadTime(
        f"{entry.name}|{_measure_weights(entry)}|{place}|{how}", paths.ensure_writable(paths.state_dir()).path
    )


def make_remote_loader(settings: ModelSettings, catalog: Catalog) -> tuple[ModelEntry, Callable[[], CompletionModel]]:
    """Return the catalog entry of the model at the address in the settings, and its loader.

    While the server does not answer, the loaded model lets the bundled model answer in this process.
    """
    from models.catalog.catalog import DEFAULT_MODEL  # noqa: PLC0415 (for a person with a server of their own)
    from models.remote.completion.discovery import make_entry  # noqa: PLC0415
    from models.remote.completion.standby import StandbyModel  # noqa: PLC0415

    entry = catalog.get(settings.name) or make_entry(settings.name)
    connect = partial(connect_once, settings, catalog)
    standby = catalog.get(DEFAULT_MODEL)
    if standby is None:
        return entry, connect
    return entry, lambda: StandbyModel(connect, make_local_loader(settings, standby))


def connect_once(settings: ModelSettings, catalog: Catalog) -> CompletionModel:
    """Connect to the server at the addresses in the settings and return its model, which is sent no secrets.

    Raises:
        ModelError: no address answers, or the server does not have the model.
    """
    from indexing.workspace.secrets.literals import find_secrets  # noqa: PLC0415 (for a person with a server of their own)
    from models.masked_completion import MaskedModel  # noqa: PLC0415
    from models.remote.completion.discovery import connect_to_server, make_entry  # noqa: PLC0415

    def find_entry(name: str) -> ModelEntry:
        """Return the catalog entry of the model `name`, or a new entry if the catalog has none."""
        return catalog.get(name) or make_entry(name)

    socket = Path(settings.host.removeprefix(SOCKET)) if settings.host.startswith(SOCKET) else None
    url, replicas = ("", ()) if socket else (settings.host, settings.replicas)
    entry, named = find_entry(settings.name), bool(settings.name)
    there = connect_to_server(entry, url, socket, named=named, known=find_entry, replicas=replicas)
    return MaskedModel(there, find_secrets)


def make_chat(entry: ModelEntry) -> HostedChat:
    """Return the catalog's chat model `entry`, which the model host computes."""
    from models.host.connection import HostConnection  # noqa: PLC0415
    from models.host.hosted_chat import HostedChat  # noqa: PLC0415 (for a person with such a model)

    return HostedChat(entry, HostConnection(make_host_launcher()))


def _measure_weights(entry: ModelEntry) -> int:
    """Return the size of the model's weights in bytes, 0 if there are none."""
    from models.local.weights_file import WEIGHTS_FILE  # noqa: PLC0415

    try:
        return (entry.weights / WEIGHTS_FILE).stat().st_size
    except OSError:
        return 0
