"""Reading a file that somebody else wrote: never blocks, never reads on without end.

Opening a named pipe waits for its writer for ever, and a device such as `/dev/zero` has no end, also behind a link of a
harmless name: both would stop whoever reads. Start at `read_regular`.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def read_regular(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """At most `limit` bytes from the begin of the file at `path`, and its state when it was opened.

    Raises:
        OSError: it cannot be read, or it is no regular file (a folder, a pipe, a socket, a device).
    """
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read(limit), found
