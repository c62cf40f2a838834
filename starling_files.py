"""Safe reading of other people's files, and private files and folders of Starling's own.

Reads regular files only: opening a named pipe would wait for its writer forever, and a device such as `/dev/zero` has
no end; both may hide behind a link. Starling's own files have mode 0600 and its folders 0700, whatever the umask.
Outside of the packages, because all of them use it. Start at `read_regular` and `make_folder`.
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
    """Return at most `limit` bytes from the start of the file at `path`, and its status when it was opened.

    Files of pseudo file systems (`/proc`, `/sys`) have the size 0, and are read as empty, because some have no end.

    Raises:
        OSError: the file cannot be read, or is not regular (a folder, a pipe, a socket, a device).
    """
    with open_regular_file(path) as file:
        found = os.fstat(file.fileno())
        return (file.read(limit) or b"" if found.st_size else b""), found


def open_regular_file(path: Path) -> BinaryIO:
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
        UnicodeDecodeError: the file is not UTF-8.
    """
    data, _ = read_regular(path, limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return data.decode()


def make_folder(folder: Path) -> Path:
    """Create `folder` and its missing parents, for this user alone; return `folder`.

    If `folder` exists and others have access, removes their access. Does not change existing parents.

    Raises:
        OSError: the folder cannot be created, is no folder, or belongs to another user.
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
    """Create an empty file at `path` unless it exists, and give this user alone access to it; return `path`.

    Called before SQLite opens a database, because SQLite's other files get the mode of the database. Does not open an
    existing file: closing it would release the locks that SQLite holds on it in this process.

    Raises:
        OSError: the file cannot be created, is not regular, or belongs to another user.
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


def repair_folder(folder: Path, own: int = 1) -> Path:
    """Create `folder` like `make_folder`, and repair it if it exists but cannot be used; return `folder`.

    A folder without permissions for its owner gets them back. A file in the place of a folder is renamed and kept.

    Args:
        folder: a folder of Starling's own.
        own: how many of its last path parts are Starling's own; the folders above them are not changed.

    Raises:
        OSError: as `make_folder`, or a file in its place cannot be renamed.
    """
    for part in reversed((folder, *folder.parents[: own - 1])):
        if (part.is_symlink() or part.is_file()) and not part.is_dir():  # a device stays, also for root
            set_aside(part)
        _restore_owner_access(part, FOLDER_MODE)
    return make_folder(folder)


def set_aside(path: Path, why: str = "set-aside") -> Path:
    """Rename the file or folder at `path`, with SQLite's own files beside it; return its new path in the same folder.

    The new name ends with `why` and the time.

    Raises:
        OSError: it cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.{why}-{time.time_ns()}")
    for end in ("-journal", "-wal", "-shm"):  # before the database: SQLite would apply them to a new one
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return path.rename(aside)


def open_private_descriptor(path: str, flags: int) -> int:
    """Open the file at `path` so that only this user can access it; return its descriptor. An `opener` for `open`.

    Removes other users' access from an existing file, and gives its owner access if the owner has none.

    Raises:
        OSError: the file cannot be opened, or belongs to another user.
    """
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
    """Open the file at `path` in the binary `mode` for writing, as `open_private_descriptor`: for this user alone."""
    return cast("BinaryIO", open(path, mode, opener=open_private_descriptor))


def write_file(path: Path, data: bytes) -> None:
    """Create or replace the file at `path` with the content `data`, whole or not at all.

    Afterwards only this user can access the file; a link at `path` is replaced, not followed.

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
    """Let this process create files for its user alone; for processes that write nothing into a workspace."""
    os.umask(_OTHERS)


@contextlib.contextmanager
def hold_private_umask() -> Iterator[None]:
    """Let this process create files for its user alone within the context; for libraries that take no file mode."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _deny_others(path: Path, found: os.stat_result, mode: int) -> None:
    """Set the `mode` of the file or folder at `path`, whose state is `found`, if other users have access to it.

    Raises:
        PermissionError: it belongs to another user, who is not root.
    """
    if not hasattr(os, "getuid"):  # Windows keeps a profile's folders private by inherited permissions
        return
    if found.st_uid not in {os.getuid(), 0} and os.getuid() != 0:
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if found.st_mode & _OTHERS and found.st_uid == os.getuid():
        path.chmod(mode)


def _restore_owner_access(path: Path, mode: int) -> bool:
    """Set `mode` on a file or folder of this user that the user cannot read; return whether that was done.

    A readable file is not changed, because it may be read-only on purpose.
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
