"""Where the host of one version listens: a Unix socket that only its owner can open, or loopback with a token.

The version stands in the names, so that two versions never meet. Computes names, and reads and writes the one small
file that tells port and token where there are no Unix sockets. Start at `Address`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.host.forms import PROTOCOL

if TYPE_CHECKING:
    from pathlib import Path

HAS_SOCKETS = hasattr(socket, "AF_UNIX") and os.name == "posix"
# A socket's path has 104 bytes on macOS and 108 on Linux, the end mark included.
LONGEST_PATH = 100
# What is behind the socket needs a name in a URL; one that no proxy and no network can mean.
SOCKET_URL = "http://starling.localhost"


@dataclass(frozen=True, slots=True)
class Reach:
    """How the host is reached.

    Attributes:
        url: what its paths are put behind.
        socket: the Unix socket, None for TCP on loopback.
        token: to show; "" behind a socket.
    """

    url: str
    socket: Path | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """The place of one version's host.

    Attributes:
        folder: private to the user; short enough for a socket's path.
        version: of the program.
        sockets: whether Unix sockets are used.
    """

    folder: Path
    version: str
    sockets: bool = HAS_SOCKETS

    @property
    def handshake(self) -> str:
        """What host and client tell each other."""
        return f"Starling {self.version}, protocol {PROTOCOL}"

    @property
    def _name(self) -> str:
        return f"host-{self.version}-{PROTOCOL}"

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.folder / f"{self._name}.sock"

    @property
    def record(self) -> Path:
        """The file that tells port and token."""
        return self.folder / f"{self._name}.json"

    @property
    def lock(self) -> Path:
        """Held by the host while it lives."""
        return self.folder / f"{self._name}.lock"

    def reach(self) -> Reach | None:
        """How the host is reached that listens there now; None when none does, or it is not ours."""
        found = self._reach()
        return found if found is not None and _listens(found) else None

    def announce(self, port: int, token: str) -> None:
        """Tell port and token to the owner alone.

        Raises:
            OSError: it cannot be written.
        """
        self.record.unlink(missing_ok=True)
        descriptor = os.open(self.record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"port": port, "token": token}, stream)

    def clear(self) -> None:
        """Take away what a host left behind; only for who holds the lock."""
        with contextlib.suppress(OSError):
            (self.socket if self.sockets else self.record).unlink(missing_ok=True)

    def _reach(self) -> Reach | None:
        try:
            if self.sockets:
                status = self.socket.lstat()
                ours = stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid()
                return Reach(SOCKET_URL, self.socket) if ours else None
            told = json.loads(self.record.read_text(encoding="utf-8"))
            return Reach(f"http://127.0.0.1:{int(told['port'])}", token=str(told["token"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _listens(reach: Reach) -> bool:
    """Whether somebody takes a connection there."""
    kind = socket.AF_INET if reach.socket is None else socket.AF_UNIX
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(reach.socket) if reach.socket else ("127.0.0.1", int(reach.url.rpartition(":")[2])))
        except OSError:
            return False
    return True
