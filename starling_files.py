"""The two kinds of files: those that somebody else wrote are read within bounds, ours are made for their user alone.

Reading never blocks and never reads on without end: opening a named pipe waits for its writer for ever, and a device
such as `/dev/zero` has no end, also behind a link of a harmless name. Whatever the program keeps for itself has mode
0600, its folders 0700, whatever the umask. Belongs to no room, since all of them need it. Start at `read_regular` and
`make_folder`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def read_regular(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Return at most `limit` bytes from the start of the file at `path`, and its state when it was opened.

    Files of pseudo file systems (`/proc`, `/sys`) claim to be empty, and are read as empty: some of them have no end.

    Raises:
        OSError: it cannot be read, or it is no regular file (a folder, a pipe, a socket, a device).
    """
    with open_regular(path) as file:
        found = os.fstat(file.fileno())
        return (file.read(limit) or b"" if found.st_size else b""), found


def open_regular(path: Path) -> BinaryIO:
    """Open the file at `path` for reading, for who reads it piece by piece.

    Raises:
        OSError: as `read_regular`.
    """
    file = os.fdopen(os.open(path, _FLAGS), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def read_text(path: Path, limit: int) -> str:
    """Return the text of the UTF-8 file at `path`.

    Raises:
        OSError: as `read_regular`, or the file holds more than `limit` bytes.
        UnicodeDecodeError: it is not UTF-8.
    """
    data, _ = read_regular(path, limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return data.decode()


def make_folder(folder: Path) -> Path:
    """Make `folder` and the folders above it that are missing, for this user alone; return it.

    A folder that others could enter is closed to them; the folders above it that exist stay as they are.

    Raises:
        OSError: it cannot be made, is no folder, or belongs to another user.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE)
    except FileNotFoundError:
        make_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except OSError:
        if not folder.is_dir():
            raise
    _close_to_others(folder, folder.stat(), FOLDER_MODE)
    return folder


def make_file(path: Path) -> Path:
    """Make the file at `path` where there is none, and close it to others; return `path`.

    SQLite, whose own files beside a database take its mode, is handed such a file.

    Raises:
        OSError: it cannot be made, or belongs to another user.
    """
    os.close(opener(str(path), os.O_RDWR | os.O_CREAT))
    return path


def opener(path: str, flags: int) -> int:
    """Open a file that is to be written, as `open` asks its `opener` to, for this user alone."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
    try:
        _close_to_others(Path(path), os.fstat(descriptor), FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_private(path: Path, mode: str) -> BinaryIO:
    """Open a file of ours in the binary `mode` for writing."""
    return cast("BinaryIO", open(path, mode, opener=opener))


def write_file(path: Path, data: bytes) -> None:
    """Put `data` into the file at `path`, whole or not at all.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    import tempfile  # noqa: PLC0415 (`initialize` needs no temporary file)

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".new", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def close_tree(folder: Path) -> None:
    """Close all that a library has written into `folder` to others.

    Raises:
        OSError: it cannot be closed.
    """
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def close_process() -> None:
    """Have this process make files for its user alone; for processes that write nothing into a workspace."""
    os.umask(_OTHERS)


@contextlib.contextmanager
def closed_process() -> Iterator[None]:
    """Have this process make files for its user alone, while a library writes that takes no mode."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _close_to_others(path: Path, found: os.stat_result, mode: int) -> None:
    if not hasattr(os, "getuid"):  # Windows keeps a profile's folders private by inherited permissions
        return
    if found.st_uid not in {os.getuid(), 0} and os.getuid() != 0:
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if found.st_mode & _OTHERS and found.st_uid == os.getuid():
        path.chmod(mode)
