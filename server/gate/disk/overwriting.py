"""Writing an open file in place: reserves disk space, writes the new bytes, and restores the old bytes on an error.

For files that cannot be replaced by a new file without losing a hard link or an owner. A crash while writing may leave
a mixture of both; the checkpoint that was stored before has the old text. Start at `overwrite`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

_NO_RESERVATION = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV})


def overwrite(descriptor: int, old: bytes, new: bytes) -> None:
    """Replace the content `old` of an open file by `new`, and flush it to the disk.

    Raises:
        OSError: the file holds something else, or cannot be written; the old content is then written back if possible.
    """
    if _read(descriptor, len(old) + 1) != old:
        raise OSError(errno.ESTALE, "it has changed")
    try:
        _reserve(descriptor, len(old), len(new))
        _write(descriptor, new)
        os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            _write(descriptor, old)
            os.fsync(descriptor)
        raise


def _reserve(descriptor: int, size: int, wanted: int) -> None:
    """Reserve disk space to grow from `size` to `wanted` bytes, so that a full disk fails before anything is written.

    Does nothing if the system cannot reserve space.
    """
    if wanted <= size or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, size, wanted - size)
    except OSError as error:
        if error.errno not in _NO_RESERVATION:
            raise


def _read(descriptor: int, most: int) -> bytes:
    """Return up to `most` bytes from the start of an open file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts: list[bytes] = []
    while most > 0 and (part := os.read(descriptor, most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    """Replace the content of an open file by `data`."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    os.ftruncate(descriptor, len(data))
