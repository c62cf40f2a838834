"""Linux's inotify for watching single folders without following links.

`watchfiles` follows links and cannot add folders later, so it is used on other systems only. Start at `Notifier`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from pathlib import Path
from typing import NamedTuple

# sys/inotify.h
CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED = 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK, ISDIR = 0x1000000, 0x2000000, 0x4000000, 0x40000000
_WANTED = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | _ONLYDIR | _DONT_FOLLOW | _EXCL_UNLINK
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_READ_BYTES = 1 << 18
MOST = Path("/proc/sys/fs/inotify/max_user_watches")


class Event(NamedTuple):
    """An event: number of the folder's watch, kind as bits, and name of the entry in the folder."""

    watch: int
    mask: int
    name: str


class Notifier:
    """A queue of events, for one thread."""

    def __init__(self) -> None:
        """Open the queue.

        Raises:
            OSError: the system has no inotify or refuses it.
        """
        try:
            library = ctypes.CDLL(None, use_errno=True)
            self._init, self._add, self._remove = (
                library.inotify_init1,
                library.inotify_add_watch,
                library.inotify_rm_watch,
            )
        except (AttributeError, TypeError) as error:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
        self._file = self._init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise _make_error()
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def add(self, folder: str) -> int:
        """Watch `folder`; return the number of the watch, which is the same for other paths of the folder.

        Raises:
            OSError: it is not a folder, cannot be read, or no watches are left (ENOSPC).
        """
        number = int(self._add(self._file, os.fsencode(folder), _WANTED))
        if number < 0:
            raise _make_error()
        return number

    def remove(self, number: int) -> None:
        """Remove the watch `number`; does nothing if its folder is gone."""
        self._remove(self._file, number)

    def read(self, timeout_s: float) -> list[Event]:
        """Wait up to `timeout_s` and return the next events; none after a timeout."""
        if not self._poll.poll(timeout_s * 1000):
            return []
        try:
            data = os.read(self._file, _READ_BYTES)
        except BlockingIOError:
            return []
        events, at = [], 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            events.append(Event(watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))))
        return events

    def close(self) -> None:
        """Close the queue and remove all watches."""
        os.close(self._file)


def limit_watch_count(wanted: int) -> int:
    """Return `wanted`, but at most half of the watches that a user may have; `wanted` if that limit is unknown."""
    try:
        return min(wanted, int(MOST.read_text(encoding="ascii")) // 2)
    except (OSError, ValueError):
        return wanted


def _make_error() -> OSError:
    """Return the error of the last call of the C library."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
