"""Servers that start at once, as forks of one process that has imported the program already. Start at `fork_servers`.

Starting the interpreter and importing the program takes a second of processor time, and half a second for each process
that the program starts itself; most tests want processes of their own and do not care how they were started.

The same as with a real start: the process is a child of the one that starts it, in the same session and in the process
group that was asked for; it has the given arguments, environment, folder, umask and standard streams and no other open
descriptor; it runs the script from its first line, so the program itself sets up settings, log, signals, garbage
collection, index and model.

Different: what a ready server and its processes have imported is imported before the first line, and lsprotocol's types
are looked up; all servers of one process of the tests share a hash seed, and so do their processes; numpy's library for
linear algebra has no thread; the system shows the command line and the first environment of the process that forks, and
Python's flags are those of that process (`-I` gives the same `sys.path`). A process that starts others (`STARTING`) has
one child more, which forks them, and a socket to it. So tests of starting, ending, imports and memory are marked
`real_start`, and some others are: of their servers every process is new. A start for which `ForkServer.can_fork` is
false is a real one too. `tests/wire/test_forking.py` compares both.
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
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.process import spawning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pytest

FORK_SERVER = Path(__file__).with_name("fork_server.py")
OF_TESTS = ("scripted_server", "proposing_server", "surveying", "homeless")
SCRIPTS = {FORK_SERVER.parents[2] / "starling_lsp.py", *(FORK_SERVER.with_name(f"{name}.py") for name in OF_TESTS)}
# The modules that the program starts as processes; those of `STARTING` start processes in turn.
OF_PROGRAM = (
    "indexing.process.worker",
    "indexing.process.analysis",
    "indexing.workspace.watching.watcher",
    "agents.reviewer.workers",
)
MODULES = (*OF_PROGRAM, "tests.wire.surveying")
STARTING = ("indexing.process.worker",)
# Variables that are read when they are used. Any other one may affect an import or the start of the interpreter.
READ_LATE = re.compile(
    r"HOME|USERPROFILE|(LOCAL)?APPDATA|TMPDIR|TEMP|TMP|SCRIPT|PYTEST_CURRENT_TEST|(XDG|STARLING|GIT)_\w+"
)
USUAL = (True, None, None, None, -1, False)  # signals, user, umask and session of `Popen`
SAME_GROUP, OWN_GROUP = -1, 0
PR_SET_CHILD_SUBREAPER = 36


class ForkServer:
    """The process that forks. Thread-safe.

    Args:
        talk: leads to the process, which is a descendant of this one.
        process: the process, if it was started here.
    """

    def __init__(self, talk: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._talk = talk
        self._process = process
        self._early = _select_early_variables(os.environ)
        self._set_subreaper = ctypes.CDLL(None, use_errno=True).prctl
        self._lock = threading.Lock()

    @classmethod
    def begin(cls) -> ForkServer:
        """Start the process with the environment of this one.

        Raises:
            OSError: it does not start.
        """
        talk, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, str(FORK_SERVER), str(theirs.fileno())],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        begun = cls(talk, process)
        if not talk.recv(100):
            raise OSError("the process that forks servers has ended")
        return begun

    def can_fork(self, arguments: list[str], environment: Mapping[str, str], options: Sequence[object]) -> bool:
        """Return whether a fork would be the same as a new process with these arguments."""
        return (
            (_is_script(arguments) or any(arguments == spawning.make_command(module) for module in MODULES))
            and _select_early_variables(environment) == self._early
            and not any(options)
        )

    def start(
        self, arguments: list[str], environment: Mapping[str, str], folder: str, streams: list[int], *, own_group: bool
    ) -> int:
        """Start a process as a child of this one; return its process id.

        Raises:
            OSError: the system makes no more processes, or the process that forks has ended.
        """
        request = {
            "arguments": arguments[1:],
            "environment": dict(environment),
            "folder": folder,
            "umask": _read_umask(),
            "own_group": own_group,
            "starting": _is_script(arguments) or any(arguments == spawning.make_command(module) for module in STARTING),
        }
        with self._lock:
            self._adopt(orphans=True)
            try:
                socket.send_fds(self._talk, [json.dumps(request).encode()], streams)
                if not (number := int(self._talk.recv(100) or b"0")):
                    raise OSError("no process could be forked")
                return number
            finally:
                self._adopt(orphans=False)

    def close(self) -> None:
        """End the process that `begin` started."""
        self._talk.close()
        if self._process is not None:
            self._process.wait()

    def _adopt(self, *, orphans: bool) -> None:
        """Make this process the parent of descendants whose own parent ends, or no longer if not `orphans`."""
        if self._set_subreaper(PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


class ForkedPopen(subprocess.Popen[bytes]):
    """Forks what the fork server takes, and starts everything else as `subprocess.Popen` does."""

    server: ForkServer

    def _execute_child(  # type: ignore[no-untyped-def] # noqa: ANN202, PLR0917 (subprocess' own)
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,  # noqa: ANN001
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest,  # noqa: ANN001, ANN002
    ):  # fmt: skip
        """Fork the child if the fork server can; start it as `subprocess` does otherwise."""
        own_group = rest[-1] == OWN_GROUP
        unusual = rest[:-1] != USUAL or rest[-1] not in {SAME_GROUP, OWN_GROUP}
        options = [executable, preexec_fn, pass_fds, not close_fds, shell, unusual]
        given = [os.fspath(argument) for argument in args]
        environment = os.environ if env is None else env
        if not self.server.can_fork(given, environment, options):
            everything = (args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags)
            pipes = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)
            super()._execute_child(*everything, shell, *pipes, *rest)  # type: ignore[misc]
            return
        streams = [own if own != -1 else number for number, own in enumerate((p2cread, c2pwrite, errwrite))]
        try:
            folder = os.fspath(cwd or Path.cwd())
            self.pid = self.server.start(given, environment, folder, streams, own_group=own_group)
            self._child_created = True
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


def _is_script(arguments: list[str]) -> bool:
    return len(arguments) > 1 and arguments[0] == sys.executable and Path(arguments[1]) in SCRIPTS


def _read_umask() -> int:
    """Return the umask; `os.umask` would change it for all threads to tell it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("\nUmask:")[2].split()[0], 8)


def _select_early_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be read while the interpreter starts or a module is imported."""
    return {name: value for name, value in environment.items() if not READ_LATE.fullmatch(name)}


@contextlib.contextmanager
def run_fork_server() -> Iterator[None]:
    """Run a fork server, which `fork_servers` uses; do nothing except on Linux, so that every start is a real one."""
    if sys.platform != "linux":
        yield
        return
    ForkedPopen.server = ForkServer.begin()
    try:
        yield
    finally:
        ForkedPopen.server.close()
        del ForkedPopen.server


def choose_start(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[None]]:
    """Return how servers are started in a test: as forks, unless it is marked `real_start`."""
    return contextlib.nullcontext if request.node.get_closest_marker("real_start") else fork_servers


@contextlib.contextmanager
def fork_servers() -> Iterator[None]:
    """Start servers as forks in this block, if a fork server runs."""
    plain = subprocess.Popen
    if hasattr(ForkedPopen, "server"):
        subprocess.Popen = ForkedPopen  # type: ignore[misc]
    try:
        yield
    finally:
        subprocess.Popen = plain  # type: ignore[misc]
