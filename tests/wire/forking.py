"""Servers that start at once, as forks of one process that has imported the program already. Start at `forked`.

To start the interpreter and import the program takes a second of a processor's time, most tests want a server that
is its own process and do not care how it came about.

What is the same as with a real start: the process is a child of the tests' own, with its process group and session; it
has the given arguments, environment, folder, umask and standard streams and no other open descriptor; it runs the
script from its first line, so settings, log, signals, garbage collection, index and model are the program's own work.

What differs: what a ready server has imported is imported before the first line; all servers of one process of the
tests share a hash seed; numpy's library for linear algebra has no thread; the system shows the command line and the
first environment of the process that forks. So tests of starting and ending, of imports, and of a process's memory are
marked `real_start`, and some of the others are. Where more is asked for than `ForkServer.takes` knows, the start is a
real one too. `tests/wire/test_forking.py` compares both.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pytest

FORK_SERVER = Path(__file__).with_name("fork_server.py")
SCRIPTS = {FORK_SERVER.with_name(f"{name}.py") for name in ("scripted_server", "proposing_server", "surveying")}
SCRIPTS.add(FORK_SERVER.parents[2] / "starling_lsp.py")
# Read when they are used; every other variable may decide what an import does, or the interpreter's start.
READ_LATE = re.compile(
    r"HOME|USERPROFILE|(LOCAL)?APPDATA|TMPDIR|TEMP|TMP|SCRIPT|PYTEST_CURRENT_TEST|(XDG|STARLING|GIT)_\w+"
)
USUAL = (True, None, None, None, -1, False, -1)  # signals, user, umask, session and process group of `Popen`
PR_SET_CHILD_SUBREAPER = 36


class ForkServer:
    """The process that forks; begun with the environment of the process that makes this."""

    def __init__(self) -> None:
        self._talk, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(FORK_SERVER), str(theirs.fileno())],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self._early = _early(os.environ)
        if not self._talk.recv(100):
            raise OSError("the process that forks servers has ended")
        self._set_subreaper = ctypes.CDLL(None, use_errno=True).prctl

    def takes(self, arguments: list[str], environment: Mapping[str, str], options: Sequence[object]) -> bool:
        """Return whether a fork would be what a new process would be."""
        return (
            len(arguments) > 1
            and arguments[0] == sys.executable
            and Path(arguments[1]) in SCRIPTS
            and _early(environment) == self._early
            and not any(options)
        )

    def start(self, arguments: list[str], environment: Mapping[str, str], folder: str, streams: list[int]) -> int:
        """Start a server, and return the number of its process, which is a child of this one."""
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "arguments": arguments[1:],
            "environment": dict(environment),
            "folder": folder,
            "umask": umask,
        }
        self._adopt(orphans=True)
        try:
            socket.send_fds(self._talk, [json.dumps(request).encode()], streams)
            return int(self._talk.recv(100))
        finally:
            self._adopt(orphans=False)

    def close(self) -> None:
        """End the process."""
        self._talk.close()
        self._process.wait()

    def _adopt(self, *, orphans: bool) -> None:
        """Become the parent of whatever descendant loses its own, or no longer."""
        if self._set_subreaper(PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


class ForkedPopen(subprocess.Popen[bytes]):
    """Starts as a fork what the fork server takes, and everything else as ever."""

    server: ForkServer

    def _execute_child(  # type: ignore[no-untyped-def] # noqa: ANN202, PLR0917 (subprocess' own)
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,  # noqa: ANN001
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest,  # noqa: ANN001, ANN002
    ):  # fmt: skip
        options = [executable, preexec_fn, pass_fds, not close_fds, shell, rest != USUAL]
        given = [os.fspath(argument) for argument in args]
        environment = os.environ if env is None else env
        if not self.server.takes(given, environment, options):
            everything = (args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags)
            pipes = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
            super()._execute_child(*everything, shell, *pipes, *rest)  # type: ignore[misc]
            return
        streams = [own if own != -1 else number for number, own in enumerate((p2cread, c2pwrite, errwrite))]
        try:
            self.pid = self.server.start(given, environment, os.fspath(cwd or Path.cwd()), streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what may be read while the interpreter starts or a module is imported."""
    return {name: value for name, value in environment.items() if not READ_LATE.fullmatch(name)}


@contextlib.contextmanager
def fork_server() -> Iterator[None]:
    """Have a fork server, where the system can make its children ours, for `forked` to use until the end."""
    if sys.platform != "linux":
        yield
        return
    ForkedPopen.server = ForkServer()
    try:
        yield
    finally:
        ForkedPopen.server.close()
        del ForkedPopen.server


def starts(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[None]]:
    """Return how servers are started in a test: as forks, unless it is marked `real_start`."""
    return contextlib.nullcontext if request.node.get_closest_marker("real_start") else forked


@contextlib.contextmanager
def forked() -> Iterator[None]:
    """In this block start servers as forks, where `fork_server` is in use."""
    plain = subprocess.Popen
    if hasattr(ForkedPopen, "server"):
        subprocess.Popen = ForkedPopen  # type: ignore[misc]
    try:
        yield
    finally:
        subprocess.Popen = plain  # type: ignore[misc]
