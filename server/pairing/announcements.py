"""Private files by which a process finds the language servers of this user that serve a workspace.

One file for each session of a language server, in the folder of Starling's sockets, which no other user can enter. It
holds the workspace folders, the way to connect, and a secret that both sides prove to know. Start at `announce` and
`find_announcements`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from models.host.folder_trust import create_private_folder, explain_distrust
from server.assembly.hosts import list_socket_folders
from starling_files import read_regular, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFIX = "editor-"
VERSION = 1
"""Version of the files and of the messages; others are ignored."""

LONGEST_SOCKET = 100
"""Bytes of a socket's path: 104 are the most on macOS, with the end mark."""

MOST_FILES = 64
LARGEST_FILE = 200_000


@dataclass(frozen=True, slots=True)
class Announcement:
    """One session of a language server.

    Attributes:
        file: the file that announces it; a Unix socket has the same name with another ending.
        process: id of the language server's process.
        folders: its workspace folders, as real paths.
        secret: known only to who can read the file.
        port: the port on loopback, 0 for the Unix socket.
    """

    file: Path
    process: int
    folders: tuple[Path, ...]
    secret: str = field(repr=False)
    port: int = 0

    @property
    def socket(self) -> Path:
        """Path of the Unix socket."""
        return self.file.with_suffix(".sock")


def choose_file(name: str) -> Path | None:
    """Return the path for a new announcement, in the first private folder with a path short enough for a socket.

    Creates the folder. Returns None if no folder is private, writable and has a short enough path.
    """
    for folder, own_parts in list_socket_folders():
        file = folder / f"{PREFIX}{name}.json"
        short = len(os.fsencode(file.with_suffix(".sock"))) <= LONGEST_SOCKET
        if short and create_private_folder(folder, own_parts):
            return file
    return None


def announce(announcement: Announcement) -> None:
    """Write the file of `announcement`, or replace it.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "version": VERSION,
        "process": announcement.process,
        "folders": [str(folder) for folder in announcement.folders],
        "secret": announcement.secret,
        "port": announcement.port,
    }
    write_file(announcement.file, json.dumps(content).encode())


def withdraw(announcement: Announcement) -> None:
    """Delete the file of `announcement` and its socket, if there are any; ignore errors."""
    for path in (announcement.file, announcement.socket):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def find_announcements(folders: Sequence[Path]) -> list[Announcement]:
    """Return the announcements of language servers that serve all `folders` (real paths), newest first.

    Deletes the announcements of processes that have ended.
    """
    found: list[tuple[int, Announcement]] = []
    for written_ns, one in _read_all():
        if not psutil.pid_exists(one.process):
            withdraw(one)
        elif folders and set(folders) <= set(one.folders):
            found.append((written_ns, one))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _read_all() -> Iterator[tuple[int, Announcement]]:
    """Yield the well-formed announcements in folders that no other user can change, each with its time in nanoseconds.

    Reads `MOST_FILES` files of each folder at most.
    """
    for folder, own_parts in list_socket_folders():
        if not folder.is_dir() or explain_distrust(folder, own_parts):
            continue
        for file in sorted(folder.glob(f"{PREFIX}*.json"))[:MOST_FILES]:
            with suppress(OSError, ValueError, KeyError, TypeError):
                data, status = read_regular(file, LARGEST_FILE)
                content = json.loads(data)
                if content["version"] == VERSION:
                    folders = tuple(Path(str(one)) for one in content["folders"])
                    secret, port = str(content["secret"]), int(content["port"])
                    yield status.st_mtime_ns, Announcement(file, int(content["process"]), folders, secret, port)
