"""Life of the host process: one per user and version, held by a lock; it listens, serves, and ends when idle.

Start at `run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.host.host_app import Host, create_app
from models.host.loaded_models import LoadedModels
from models.local import allocator
from models.local.loading import load, load_chat, load_embedder
from starling_files import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    import uvicorn

    from models.catalog.catalog import ModelEntry
    from models.host.address import Address
    from models.host.loaded_models import Kind, Limits
    from models.host.protocol import PlacementSettings

logger = logging.getLogger(__name__)

THREADS = 16  # requests that compute or load at once; each model has a queue and computes one at a time
BACKLOG = 128
SWEEP_S = 1.0
KEEP_ALIVE_S = 75  # longer than Starling's clients keep idle connections, so that none uses a closed one
GRACE_S = 5  # for running answers when the host ends


class AlreadyRunningError(ModelError):
    """Another process is the host already."""


def run(
    address: Address,
    limits: Limits,
    *,
    models_dir: Path | None,
    loaders: Mapping[Kind, Callable[[ModelEntry, PlacementSettings], Any]],
    ready: Callable[[str], object] = lambda _: None,
) -> None:
    """Run the host until it has been idle for long enough, its socket or record is deleted, or a signal arrives.

    Args:
        address: where to listen.
        limits: of memory, waiting requests and idle time.
        models_dir: folder of the user's own models.
        loaders: functions that load each kind of model (`make_loaders`).
        ready: called with the address once the host listens.

    Raises:
        AlreadyRunningError: there is a host already.
        HostError: other users could change the folder's contents.
        ModelError: the host cannot listen there.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 (for the host alone)

    address.check_folder()
    lock = FileLock(address.lock, timeout=0, mode=FILE_MODE)
    try:
        lock.acquire()
    except Timeout:
        raise AlreadyRunningError("A model host of this version runs already.") from None
    except OSError as error:
        raise ModelError(f"{address.lock} cannot be made: {error.strerror}; check the folder's permissions.") from error
    allocator.limit_memory()
    executor = ThreadPoolExecutor(THREADS, thread_name_prefix="model")
    loaded_models = LoadedModels(models_dir, loaders, limits, executor)
    try:
        with _open_listener(address) as (listener, token):
            host = Host(loaded_models, executor, address.handshake, token)
            asyncio.run(_serve(host, listener, ready, _ListeningFile(address, address.read_inode())))
    finally:
        loaded_models.close()
        executor.shutdown(cancel_futures=True)
        lock.release()


def make_loaders(state_dir: Path | None) -> dict[Kind, Callable[[ModelEntry, PlacementSettings], Any]]:
    """Return the functions that load each kind of model; measured thread counts and speeds are kept in `state_dir`.

    The placement settings are for completion models alone.
    """

    def load_completion_model(entry: ModelEntry, placing: PlacementSettings) -> Any:  # noqa: ANN401 (one of the three ports)
        device, threads = placing.device, placing.threads
        return load(entry, device=device, compute_type=placing.compute_type, threads=threads, state_dir=state_dir)  # type: ignore[arg-type]

    def load_chat_model(entry: ModelEntry, _: PlacementSettings) -> Any:  # noqa: ANN401
        return load_chat(entry, state_dir=state_dir)

    def load_embedding_model(entry: ModelEntry, _: PlacementSettings) -> Any:  # noqa: ANN401
        return load_embedder(entry)

    return {"completion": load_completion_model, "chat": load_chat_model, "embedding": load_embedding_model}


@contextlib.contextmanager
def _open_listener(address: Address) -> Iterator[tuple[socket.socket, str]]:
    """Listen at `address` and yield the socket with its token ("" for a Unix socket); close the socket at the end.

    To be called only by the holder of the lock: a socket or record that is left there is deleted.

    Raises:
        ModelError: the host cannot listen there.
    """
    address.clear()
    kind = socket.AF_UNIX if address.sockets else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as listener:
        token = ""
        try:
            if address.sockets:
                before = os.umask(0o177)  # closed to other users from the first moment on
                try:
                    listener.bind(str(address.socket))
                finally:
                    os.umask(before)
            else:
                listener.bind(("127.0.0.1", 0))
                token = secrets.token_urlsafe(32)
                address.announce(listener.getsockname()[1], token)
            listener.listen(BACKLOG)
        except OSError as error:
            raise ModelError(
                f"The model host cannot listen in {address.folder}: {error.strerror or error}; check its permissions."
            ) from error
        file = _ListeningFile(address, address.read_inode())
        try:
            yield listener, token
        finally:
            if file.is_in_place():
                address.clear()


@dataclass(frozen=True, slots=True)
class _ListeningFile:
    """The socket or record by which clients find this host.

    Attributes:
        address: the host's address.
        inode: device and inode of the file (`Address.read_inode`), to recognize a replacement.
    """

    address: Address
    inode: tuple[int, int] | None

    def is_in_place(self) -> bool:
        """Return whether the file is still there; if it was deleted or replaced, no client can find this host."""
        return self.address.read_inode() == self.inode


async def _serve(host: Host, listener: socket.socket, ready: Callable[[str], object], file: _ListeningFile) -> None:
    """Serve requests until a signal arrives, the host has been idle for long enough, or `file` is deleted.

    `ready` is called with the address before the first request.
    """
    import uvicorn  # noqa: PLC0415 (for the host alone)

    from models.host.same_user_protocol import SameUserProtocol  # noqa: PLC0415 (imports uvicorn)

    config = uvicorn.Config(
        create_app(host),
        http=SameUserProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=BACKLOG,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # uvicorn's own handlers would end the process before it has cleaned up

    server = Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # on Windows, or in a test's thread
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    stopping = asyncio.ensure_future(_stop_when_idle(host, server, file))
    ready(str(listener.getsockname()))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()


async def _stop_when_idle(host: Host, server: uvicorn.Server, file: _ListeningFile) -> None:
    """Unload idle models until the host itself is idle or no client can find it any more; then stop the server."""
    idle_s = host.loaded_models.limits.idle_s
    while True:
        await asyncio.sleep(min(SWEEP_S, idle_s / 4))
        host.loaded_models.unload_idle()
        if not file.is_in_place():
            logger.warning("The model host ends: %s was deleted.", file.address.folder)
            server.should_exit = True
            return
        if not host.running and time.monotonic() - host.requested_at > idle_s:
            logger.info("model host ends: no request for %.0f s", idle_s)
            server.should_exit = True
            return
