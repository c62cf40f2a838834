"""Address at which the host of one version and configuration listens: a Unix socket, or loopback with a token.

Version and configuration are part of the file names, so that hosts and clients that differ in them never meet. Files
that another user could have put there are refused. Computes names, and reads and writes one small file, which holds
port and token where there are no Unix sockets. Start at `Address`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import HostError
from models.host.folder_trust import explain_distrust
from models.host.peers import describe_foreign_peer
from models.host.protocol import PROTOCOL

if TYPE_CHECKING:
    from pathlib import Path

HAS_SOCKETS = hasattr(socket, "AF_UNIX") and os.name == "posix"
# A socket's path has 104 bytes on macOS and 108 on Linux, the end mark included.
LONGEST_PATH = 100
# A URL needs a host name, also for a Unix socket: this one can belong to no proxy and no network.
SOCKET_URL = "http://starling.localhost"
ANOTHER_FOLDER = "set STARLING_HOME to a folder that is yours alone, or `model.host` to off to do without"


@dataclass(frozen=True, slots=True)
class HostAccess:
    """Connection details of the host.

    Attributes:
        url: base URL, without a path.
        socket: the Unix socket; None for TCP on loopback.
        token: bearer token; "" behind a socket.
    """

    url: str
    socket: Path | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of the host of one version and configuration.

    Attributes:
        folder: folder of the socket or record, private to the user; short enough for a socket's path.
        version: version of the program.
        sockets: whether Unix sockets are used.
        configuration: short hash of all settings that change a host's answers; "" if there are none.
        own_parts: how many of the folder's last path components are Starling's own.
    """

    folder: Path
    version: str
    sockets: bool = HAS_SOCKETS
    configuration: str = ""
    own_parts: int = 1

    @property
    def handshake(self) -> str:
        """Text by which host and client check that they have the same version, protocol and configuration."""
        return f"Starling {self.version}, protocol {PROTOCOL}" + (
            f", configuration {self.configuration}" if self.configuration else ""
        )

    @property
    def _name(self) -> str:
        """Name, without an ending, of the files of this version and configuration."""
        return f"host-{self.version}-{PROTOCOL}" + (f"-{self.configuration}" if self.configuration else "")

    @property
    def socket(self) -> Path:
        """Path of the Unix socket."""
        return self.folder / f"{self._name}.sock"

    @property
    def record(self) -> Path:
        """Path of the file with port and token."""
        return self.folder / f"{self._name}.json"

    @property
    def lock(self) -> Path:
        """Path of the lock that the host holds while it lives."""
        return self.folder / f"{self._name}.lock"

    def check_folder(self) -> None:
        """Check that no other user can change the folder's contents.

        Raises:
            HostError: another user can, or the folder cannot be checked.
        """
        if why := explain_distrust(self.folder, self.own_parts):
            raise HostError(f"The model host's folder cannot be trusted: {why}; have it removed, or {ANOTHER_FOLDER}.")

    def find_host(self) -> HostAccess | None:
        """Return the connection details of the host that listens at this address now; None if there is none.

        Raises:
            HostError: another user listens there, or could.
        """
        if not self.folder.exists():
            return None
        self.check_folder()
        found = self._read_access()
        return found if found is not None and self._is_listening(found) else None

    def read_inode(self) -> tuple[int, int] | None:
        """Return device and inode of the socket or record, to recognize a replacement; None if it is missing."""
        try:
            status = (self.socket if self.sockets else self.record).lstat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def read_start_ns(self) -> int:
        """Return when the last host began to listen, in nanoseconds since the epoch; 0 without its socket or record.

        The file of a host that was killed stays.

        Unlike `read_inode`, the time differs between a host and its predecessor even if the system reused the inode.
        """
        try:
            return (self.socket if self.sockets else self.record).lstat().st_mtime_ns
        except OSError:
            return 0

    def announce(self, port: int, token: str) -> None:
        """Write port and token to the record, readable by the owner alone.

        Raises:
            OSError: it cannot be written.
        """
        self.record.unlink(missing_ok=True)
        descriptor = os.open(self.record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"port": port, "token": token}, stream)

    def clear(self) -> None:
        """Delete the socket or record, for example of a host that was killed. Only for the holder of the lock."""
        with contextlib.suppress(OSError):
            (self.socket if self.sockets else self.record).unlink(missing_ok=True)

    def _read_access(self) -> HostAccess | None:
        """Return the connection details from the socket or record, unchecked; None if it is missing or damaged.

        Raises:
            HostError: it belongs to another user, or is a link.
        """
        path = self.socket if self.sockets else self.record
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                raise self._make_error("is a link")
            if os.name == "posix" and status.st_uid != os.getuid():
                raise self._make_error(f"belongs to user {status.st_uid}, not you")
            if self.sockets:
                return HostAccess(SOCKET_URL, self.socket) if stat.S_ISSOCK(status.st_mode) else None
            told = json.loads(self.record.read_text(encoding="utf-8"))
            return HostAccess(f"http://127.0.0.1:{int(told['port'])}", token=str(told["token"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _is_listening(self, access: HostAccess) -> bool:
        """Return whether a process accepts connections at `access`.

        Raises:
            HostError: it is another user's process; only checked for a Unix socket.
        """
        kind = socket.AF_INET if access.socket is None else socket.AF_UNIX
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(
                    str(access.socket) if access.socket else ("127.0.0.1", int(access.url.rpartition(":")[2]))
                )
            except BlockingIOError:
                return True  # the backlog is full
            except OSError:
                return False
            if access.socket is not None and (who := describe_foreign_peer(probe)):
                raise self._make_error(f"belongs to {who}, not you")
        return True

    def _make_error(self, problem: str) -> HostError:
        """Return the error for a socket or record that cannot be trusted; `problem` completes a sentence about it."""
        path = self.socket if self.sockets else self.record
        return HostError(f"{path}, where the model host listens, {problem}; remove it, or {ANOTHER_FOLDER}.")
