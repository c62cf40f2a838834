"""A process that has imported the program and forks a server for each request; `tests.wire.forking` talks with it.

It only imports modules and looks up lsprotocol's types, which takes that library a while; it calls no function of the
program and starts no thread. A request holds the script or code, its arguments, the environment, the folder and the
umask; the three standard streams come with it. The child takes over all of these and then runs the script as the
interpreter would. If it may start processes of the program, it first forks another process like this one, which forks
those. Start at `main`.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
# What `starling serve` has imported once it is ready. Not `models.host.connection`: its import draws a random identity.
MODULES = (
    "server.cli.serve", "server.assembly.log", "structlog", "server.lsp.serving.stdio", "server.lsp.serving.sockets",
    "websockets.asyncio.server", "server.assembly.settings", "server.state.database", "agents.reviewer.explanations",
    "server.lsp.commands.status", "server.lsp.editor.editor_gate", "server.lsp.editor.asking",
    "server.lsp.editor.confirm_request", "pygls.progress", "agents.completion.generator", "agents.reviewer.reviewer",
    "agents.reviewer.likelihood.examiner", "agents.reviewer.rules.all_rules", "indexing.index", "indexing.snapshots",
    "indexing.ranking", "indexing.recall.recall", "indexing.recall.pools", "indexing.workspace.watching.watch",
    "models.catalog.catalog", "models.local.lazy_model", "models.local.loading", "models.local.ctranslate_completion",
    "models.local.allocator", "psutil", "ctypes",
)  # fmt: skip
# What the processes that it starts have imported once they work.
OF_PROCESSES = (
    "indexing.process.worker", "indexing.process.updating", "indexing.storage.building", "indexing.segments",
    "indexing.process.analysis", "filelock", "indexing.workspace.watching.watcher", "agents.reviewer.workers",
)  # fmt: skip
REQUEST_BYTES = 1 << 20
ADOPTED_S = 20.0


def main() -> None:
    """Import the program and fork for each request until the tests end; in a child, run what was requested."""
    starter = os.getppid()
    sys.path[0] = str(ROOT)  # as if the program's entry had been started
    for name in (*MODULES, *OF_PROCESSES):
        importlib.import_module(name)
    forking = importlib.import_module("tests.wire.forking")
    importlib.import_module("lsprotocol.converters").get_converter()  # looks up all types of the protocol once
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threading.active_count() == threads == 1, "a thread would be missing in children"
    os.environ.pop("OPENBLAS_NUM_THREADS")  # numpy is imported, without threads
    path = list(sys.path)
    gc.collect()
    gc.freeze()  # a collection here or in a child would copy memory that both share
    talk = socket.socket(fileno=int(sys.argv[1]))
    talk.send(b"ready")
    run = _serve(talk, starter, forking, path[1:])
    gc.unfreeze()
    run()


def _serve(talk: socket.socket, starter: int, forking: ModuleType, path: list[str]) -> Callable[[], None]:
    """Fork for each request of the process `starter` until it ends; in a child, return what it is to run."""
    while (request := _fork(talk, starter)) is None:
        pass
    if request["starting"]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = os.getpid()
        if os.fork() == 0:
            ours.close()
            null = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(null, number)
            os.close(null)
            return _serve(theirs, own, forking, path)
        theirs.close()
        forking.ForkedPopen.server = forking.ForkServer(ours)
        subprocess.Popen = forking.ForkedPopen  # type: ignore[misc]
    return lambda: _run(request["arguments"], path)


def _run(arguments: list[str], path: list[str]) -> None:
    """Run a script, or code after `-I -c`, as the interpreter would."""
    if arguments[:2] == ["-I", "-c"]:
        sys.path[:] = path
        sys.argv[:] = arguments[1:2]
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(arguments[2], "<string>", "exec"), module.__dict__)  # noqa: S102 (as the interpreter does)
        return
    sys.path[:] = [str(Path(arguments[0]).parent), *path]
    sys.argv[:] = arguments
    runpy.run_path(arguments[0], run_name="__main__")


def _fork(talk: socket.socket, starter: int) -> dict[str, Any] | None:
    """Answer one request with the number of a new process, and return None; in that process return the request."""
    data, streams, _, _ = socket.recv_fds(talk, REQUEST_BYTES, 3)
    if not data:
        os._exit(0)
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:  # it ends at once, which makes the tests' process the parent of the child
        try:
            child = os.fork()
        except OSError:
            os._exit(1)
        if child:
            if json.loads(data)["own_group"]:
                os.setpgid(child, child)
            os.write(writing, str(child).encode())
            os._exit(0)
        for descriptor in (talk.fileno(), reading, writing):
            os.close(descriptor)
        talk.detach()
        return _apply_request(json.loads(data), streams, starter)
    os.close(writing)  # so that there is an end to read where no child was made
    os.waitpid(between, 0)
    talk.send(os.read(reading, 100) or b"0")
    for descriptor in (reading, *streams):
        os.close(descriptor)
    return None


def _apply_request(request: dict[str, Any], streams: list[int], starter: int) -> dict[str, Any]:
    """Give this process the streams, environment, folder and umask in `request`; wait until its parent is `starter`."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in set(streams) - {0, 1, 2}:
        os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):  # a stream learns only once whether it can seek
        old = getattr(sys, name)
        stream = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 (it stays)
        line_buffering = number == 2 or stream.isatty()
        new = io.TextIOWrapper(stream, old.encoding, old.errors, newline="\n", line_buffering=line_buffering)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # by the interpreter's start
    os.environ.clear()
    os.environ.update({**coerced, **request["environment"]})
    os.chdir(request["folder"])
    os.umask(request["umask"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end = time.monotonic() + ADOPTED_S
    while os.getppid() != starter:
        if time.monotonic() > end:
            os._exit(1)  # it has ended
        time.sleep(0.0001)
    return request


if __name__ == "__main__":
    main()
