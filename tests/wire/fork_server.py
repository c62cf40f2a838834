"""A process that has imported the program and forks a server for each request; `tests.wire.forking` talks with it.

It runs nothing of the program itself: modules are imported, no function is called, no thread is started. A request
names the script, its arguments, the environment, the folder and the umask; the three standard streams come with it. The
child takes all of these on and then runs the script as the interpreter would. Start at `main`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# What `starling serve` has imported once it is ready. Not `models.host.connection`: its import draws a random identity.
MODULES = (
    "server.cli.serve", "server.log", "structlog", "server.serve", "server.sockets", "websockets.asyncio.server",
    "server.settings", "server.state", "server.explanations", "server.commands.status", "server.gate.opening",
    "server.gate.asking", "server.gate.comparing", "pygls.progress", "agents.generator.generator",
    "agents.reviewer.reviewer", "agents.reviewer.examiner", "agents.reviewer.rules.registry", "indexing.index",
    "indexing.snapshots", "indexing.ranking", "indexing.recall", "indexing.pools", "indexing.watch", "models.catalog",
    "models.lazy", "models.loading", "models.ctranslate", "models.allocator", "psutil", "ctypes",
)  # fmt: skip
REQUEST_BYTES = 1 << 20


def main() -> None:
    """Import the program, fork for each request, and end with the other side; returns in children alone."""
    starter = os.getppid()
    sys.path[0] = str(ROOT)  # as if the program's entry had been started
    for name in MODULES:
        importlib.import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threading.active_count() == threads == 1, "a thread would be missing in children"
    os.environ.pop("OPENBLAS_NUM_THREADS")  # numpy is imported, without threads
    path = list(sys.path)
    gc.collect()
    gc.freeze()  # a collection here or in a child would copy memory that both share
    talk = socket.socket(fileno=int(sys.argv[1]))
    talk.send(b"ready")
    while (request := _fork(talk, starter)) is None:
        pass
    gc.unfreeze()
    sys.path[:] = [str(Path(request["arguments"][0]).parent), *path[1:]]
    sys.argv[:] = request["arguments"]
    runpy.run_path(request["arguments"][0], run_name="__main__")


def _fork(talk: socket.socket, starter: int) -> dict[str, Any] | None:
    """Answer one request with the number of a new process, and return None; in that process return the request."""
    data, streams, _, _ = socket.recv_fds(talk, REQUEST_BYTES, 3)
    if not data:
        os._exit(0)
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:  # its end makes the process that began us the parent of the child
        child = os.fork()
        if child:
            os.write(writing, str(child).encode())
            os._exit(0)
        for descriptor in (talk.fileno(), reading, writing):
            os.close(descriptor)
        talk.detach()
        return _become(json.loads(data), streams, starter)
    os.waitpid(between, 0)
    talk.send(os.read(reading, 100))
    for descriptor in (reading, writing, *streams):
        os.close(descriptor)
    return None


def _become(request: dict[str, Any], streams: list[int], starter: int) -> dict[str, Any]:
    """Take on what a new process would get from the one that starts it."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in set(streams) - {0, 1, 2}:
        os.close(descriptor)
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # by the interpreter's start
    os.environ.clear()
    os.environ.update({**coerced, **request["environment"]})
    os.chdir(request["folder"])
    os.umask(request["umask"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while os.getppid() != starter:
        time.sleep(0.0001)
    return request


if __name__ == "__main__":
    main()
