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
import time
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
    """Open the regular file at `path` for reading.

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
    _deny_others(folder, folder.stat(), FOLDER_MODE)
    return folder


def make_file(path: Path) -> Path:
    """Make the file at `path` if it is missing, and give its user alone access; return `path`.

    Called before SQLite opens a database, whose mode SQLite's files beside it take. A file that exists is not opened:
    closing it would drop the locks that SQLite holds on it in this process.

    Raises:
        OSError: it cannot be made, is no regular file, or belongs to another user.
    """
    try:
        os.close(open_private_descriptor(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise
        _deny_others(path, found, FILE_MODE)
        _restore_owner_access(path, FILE_MODE)
    return path


def reclaim_folder(folder: Path, own: int = 1) -> Path:
    """Make `folder` as `make_folder` does, also where a user or another program harmed it; return it.

    A folder without permissions for its owner gets them back. Anything else in its place is moved aside and kept.

    Args:
        folder: a folder of ours.
        own: how many of its last parts are ours; the folders above them are left as they are.

    Raises:
        OSError: as `make_folder`, or what stands in its place cannot be moved.
    """
    for part in reversed((folder, *folder.parents[: own - 1])):
        if os.path.lexists(part) and not part.is_dir():
            set_aside(part)
        _restore_owner_access(part, FOLDER_MODE)
    return make_folder(folder)


def set_aside(path: Path, why: str = "set-aside") -> Path:
    """Rename the file or folder at `path`, with SQLite's own files beside it; return its new path in the same folder.

    Raises:
        OSError: it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.{why}-{time.time_ns()}")
    for end in ("-journal", "-wal", "-shm"):  # before the database, so that a new one is not repaired from them
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return path.rename(aside)


def open_private_descriptor(path: str, flags: int) -> int:
    """Open a file for writing that only this user can access; return its descriptor, as an `opener` of `open` does."""
    flags |= getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, FILE_MODE)
    except PermissionError:
        if not _restore_owner_access(Path(path), FILE_MODE):
            raise
        descriptor = os.open(path, flags, FILE_MODE)
    try:
        _deny_others(Path(path), os.fstat(descriptor), FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_private(path: Path, mode: str) -> BinaryIO:
    """Open the file at `path` in the binary `mode` for writing; only this user can access it."""
    return cast("BinaryIO", open(path, mode, opener=open_private_descriptor))


def write_file(path: Path, data: bytes) -> None:
    """Replace the content of the file at `path` by `data`, whole or not at all.

    Raises:
        OSError: it cannot be written; the old content stays.
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


def make_tree_private(folder: Path) -> None:
    """Remove the access of other users to `folder` and everything in it.

    Raises:
        OSError: the mode of a file or folder cannot be changed.
    """
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)


def set_private_umask() -> None:
    """Have this process make files for its user alone; for processes that write nothing into a workspace."""
    os.umask(_OTHERS)


@contextlib.contextmanager
def hold_private_umask() -> Iterator[None]:
    """Have this process make files for its user alone, while a library writes that takes no mode."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _deny_others(path: Path, found: os.stat_result, mode: int) -> None:
    """Set the `mode` of the file or folder at `path`, whose state is `found`, if other users have access to it.

    Raises:
        PermissionError: it belongs to another user.
    """
    if not hasattr(os, "getuid"):  # Windows keeps a profile's folders private by inherited permissions
        return
    if found.st_uid not in {os.getuid(), 0} and os.getuid() != 0:
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if found.st_mode & _OTHERS and found.st_uid == os.getuid():
        path.chmod(mode)


def _restore_owner_access(path: Path, mode: int) -> bool:
    """Give a file or folder of this user `mode` if its owner cannot read it; return whether its mode was changed.

    What can be read stays as it is: it may be read-only on purpose.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    needed = mode & 0o500  # reading, and entering a folder
    if not hasattr(os, "getuid") or found.st_uid != os.getuid() or found.st_mode & needed == needed:
        return False
    with contextlib.suppress(OSError):
        path.chmod(mode)
        return True
    return False
