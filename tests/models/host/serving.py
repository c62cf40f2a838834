"""A model host in this process, behind a socket in a temporary folder, with whatever models a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import uvicorn

from models.catalog.catalog import Catalog
from models.host.address import SOCKET_URL
from models.host.connection import FixedConnection
from models.host.daemon import KEEP_ALIVE_S
from models.host.host_app import Host, create_app
from models.host.hosted_chat import HostedChat
from models.host.loaded_models import Limits, LoadedModels
from models.remote.completion.dialects import HostDialect, PlainDialect
from models.remote.completion.remote_completion import RemoteModel
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.scripted.scripted_completion import ENTRY, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.catalog.catalog import ModelEntry

WAIT_S = 30.0
PATIENCE = Patience(first_token_s=WAIT_S, idle_s=WAIT_S, total_s=2 * WAIT_S, attempts=1)
ROOMY = Limits(1 << 40, waiting=8)
VERSION = "test"


class Serving:
    """A host with models; closed by whoever made it.

    Args:
        models: by name: the entry, and what loads it.
    """

    def __init__(
        self,
        models: Mapping[str, tuple[ModelEntry, Callable[[], Any]]],
        *,
        limits: Limits = ROOMY,
        token: str = "",
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="host-")
        self.socket = Path(self._folder.name) / "host.sock"
        self.executor = ThreadPoolExecutor(16)
        catalog = Catalog({name: entry for name, (entry, _) in models.items()})

        def load(entry: ModelEntry, _: object) -> Any:
            return models[entry.name][1]()

        loaders: Any = {"completion": load, "chat": load, "embedding": load}
        self.loaded_models = LoadedModels(None, loaders, limits, self.executor, catalog=lambda _: catalog)
        self.host = Host(self.loaded_models, self.executor, VERSION, token)
        config = uvicorn.Config(
            create_app(self.host),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_S,  # as in the program: the client is to let go first
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._closing = contextlib.ExitStack()

    def chat(self, entry: ModelEntry) -> HostedChat:
        """Return a chat model that this host computes."""
        client = HttpClient(HttpOptions(socket=self.socket))
        self._closing.callback(client.close)
        connection: Any = FixedConnection(Endpoint(f"{SOCKET_URL}/v1", client, patience=PATIENCE), client)
        return HostedChat(entry, connection)

    def model(self, entry: ModelEntry = ENTRY, *, plain: bool = False, **changes: Any) -> RemoteModel:
        """Return a client of the host; with `plain`, one that does not know it as our host."""
        client = HttpClient(HttpOptions(socket=self.socket))
        self._closing.callback(client.close)
        connection = FixedConnection(Endpoint(f"{SOCKET_URL}/v1", client, patience=PATIENCE), client)
        dialect = PlainDialect(entry, markers=False) if plain else HostDialect()
        return RemoteModel(entry, connection, dialect, **changes)

    def ask(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Send one request, as any program would, and return the response."""
        with self.client() as client:
            if body is None:
                return client.get(path, headers=headers)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return client.post(path, content=content, headers=headers)

    def client(self) -> httpx2.Client:
        """Return the HTTP client of another program."""
        transport = httpx2.HTTPTransport(uds=str(self.socket))
        return httpx2.Client(transport=transport, base_url=SOCKET_URL, timeout=WAIT_S)

    def until(self, wanted: Callable[[], object]) -> None:
        """Wait until `wanted` returns true."""
        end = time.monotonic() + WAIT_S
        while not wanted():
            assert time.monotonic() < end
            time.sleep(0.005)

    def close(self) -> None:
        """End it."""
        self._closing.close()
        self._server.should_exit = True
        self._thread.join(WAIT_S)
        self._listener.close()
        self.loaded_models.close()
        self.executor.shutdown()
        self._folder.cleanup()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))


def make_scripted(reply: Any = "completed()", **changes: Any) -> ScriptedModel:
    """Return a model that always writes `reply`: a text, or replies as `ScriptedModel` takes them."""
    return ScriptedModel({"": reply} if isinstance(reply, str) else reply, **changes)
