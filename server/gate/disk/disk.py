"""The workplace without an editor: reads files and writes changes to the disk.

For clients that are no editor, and for files that an editor cannot write byte by byte. Only the gate calls it, after a
person's yes. Replaces a file as a whole; writes it in place (`overwriting`) only if a new file would lose a hard link,
an owner or an attribute. Overwrites only a text that it has just read. Follows no link: if the system allows, opens
every folder from the workspace folder down with O_NOFOLLOW. Start at `DiskWorkplace`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.disk import attributes, contents, hardlinks, overwriting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.edits import Attributes, Change, ProposedEdit

SAFE = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_ASIDE = re.compile(r"\.(?P<name>.{1,100})\.(?P<pid>[0-9]{1,10})-[0-9a-f]{8}\.starling", re.DOTALL)
_BINARY = getattr(os, "O_BINARY", 0)
_NOT_REPLACED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS})  # the folder does not allow a new file


class DiskWorkplace:
    """A workplace that reads and writes files.

    Args:
        roots: returns the workspace folders; nothing outside of them is changed.
    """

    settle_s = 0.0

    def __init__(self, roots: Callable[[], Sequence[Path]]) -> None:
        self._roots = roots

    async def read_text(self, uri: str, path: Path | None) -> str | None:  # noqa: ARG002 (nothing is open here)
        """Return the text of the file at `path`; None if it does not exist, or for an untitled document.

        Raises:
            OSError: as from `contents.read`.
        """
        content = await asyncio.to_thread(contents.read, path) if path is not None else None
        return None if content is None else content.text

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:  # noqa: ARG002 (this asks nobody)
        """Make the changes in order, and stop at the first that fails; return why it failed, "" on success."""
        for change in proposal.changes:
            try:
                await asyncio.to_thread(self.write_change, change)
            except OSError as error:
                path = change.path or "it"
                return f"{path} could not be written: {error.strerror or error}."
        return ""

    def write_change(self, change: Change) -> None:
        """Write one change to the disk, completely or not at all; blocking.

        Creates missing folders for a new or moved file, which never replaces an existing file.

        Raises:
            OSError: the change could not be made; the files are as before, but new folders stay.
        """
        match change:
            case TextChange(path=Path()):
                self._rewrite(change)
            case TextChange():
                raise OSError(errno.ENOENT, "it is not a file", change.uri)
            case CreateFile():
                with self._open_folder(change.path, make=True) as (folder, name):
                    mode = 0o777 if change.executable else 0o666
                    data = contents.encode(change.text, change.encoding)
                    if change.attributes is None:
                        _create(folder, name, data, mode)
                    else:
                        _create(folder, name, data, 0o600, change.attributes)
            case DeleteFile():
                with self._open_folder(change.path) as (folder, name):
                    folder.remove(name)
            case RenameFile():
                with (
                    self._open_folder(change.path) as (old, name),
                    self._open_folder(change.to, make=True) as (new, new_name),
                ):
                    _move(old, name, new, new_name)

    def _rewrite(self, change: TextChange) -> None:
        """Write the changed text to its file, which has to hold the text before the change.

        Does nothing if the file holds the changed text already.

        Raises:
            OSError: the file holds another text, has a hard link outside of the workspace, or cannot be written.
        """
        assert change.path is not None  # noqa: S101 (see `write_change`)
        current = contents.read(change.path)
        if current is not None and current.text == change.after:
            return  # already changed under another name of the same file
        if current is None or current.text != change.before:
            raise OSError(errno.ESTALE, "it has changed", str(change.path))
        data = contents.encode(change.after, change.encoding or current.encoding)
        real = Path(os.path.realpath(change.path))
        with self._open_folder(real) as (folder, name):
            if hardlinks.has_names_outside(real, self._roots()):
                raise OSError(errno.EMLINK, "it has another name outside of the workspace (a hard link)")
            if folder.stat(name).st_nlink > 1 or not _replace(folder, name, data):
                _overwrite(folder, name, current.data, data)

    @contextmanager
    def _open_folder(self, path: Path, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        """Open the folder of `path`, step by step from its workspace folder; yield the open folder and the file's name.

        Resolves the links among the folders of `path` first; then follows none, also if a folder becomes a link
        meanwhile. With `make`, creates missing folders.

        Raises:
            OSError: the file is in no workspace folder, or a folder cannot be opened or has become a link.
        """
        real = Path(os.path.realpath(path.parent)) / path.name
        roots = [Path(os.path.realpath(root)) for root in self._roots()]
        root = max((one for one in roots if real.is_relative_to(one)), key=lambda one: len(one.parts), default=None)
        if root is None or real == root:
            raise OSError(errno.EACCES, "it lies in no workspace folder", str(path))
        folder = Folder.open_at(root)
        try:
            for part in real.parent.relative_to(root).parts:
                if make:
                    folder.make_inner(part)
                inner = folder.open_inner(part)
                folder.close()
                folder = inner
            yield folder, real.name
        finally:
            folder.close()


class Folder:
    """An open folder; its methods act on files in that folder even if its path is moved or replaced by a link.

    On systems without directory handles (Windows) the methods use the path.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        """Take an open directory handle, None on Windows; `open_at` opens one."""
        self._path = path
        self._handle = handle

    @classmethod
    def open_at(cls, path: Path, outer: int | None = None) -> Folder:
        """Open the folder `path`, by the handle `outer` of its parent if given; raise OSError if it is a link."""
        if not SAFE:
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a link now", str(path))
            return cls(path, None)
        name = path if outer is None else path.name
        return cls(path, os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer))

    def open_inner(self, name: str) -> Folder:
        """Open the folder `name` in this folder; raise OSError if it is a link."""
        return Folder.open_at(self._path / name, self._handle)

    def make_inner(self, name: str) -> None:
        """Create the folder `name` in this folder, unless it exists."""
        with suppress(FileExistsError):
            os.mkdir(self._locate(name), dir_fd=self._handle)

    def create(self, name: str, mode: int) -> int:
        """Create the file `name` with `mode` and return its descriptor; raise OSError if the name is taken."""
        return os.open(self._locate(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode, dir_fd=self._handle)

    def open(self, name: str, flags: int) -> int:
        """Open the file `name` with `flags` and return its descriptor; raise OSError unless it is a regular file."""
        harmless = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        descriptor = os.open(self._locate(name), flags | harmless | _BINARY, dir_fd=self._handle)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file", name)
        return descriptor

    def stat(self, name: str) -> os.stat_result:
        """Return the status of the file `name`, following no link."""
        return os.stat(self._locate(name), dir_fd=self._handle, follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Return whether this folder has a file, folder or link `name`."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete the file `name`."""
        os.unlink(self._locate(name), dir_fd=self._handle)

    def replace(self, old: str, new: str) -> None:
        """Rename the file `old` to `new` atomically; an existing file `new` is replaced."""
        os.replace(self._locate(old), self._locate(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def link(self, name: str, other: Folder, new: str) -> None:
        """Create the hard link `new` in the folder `other` to this folder's file `name`; raise OSError if it exists."""
        os.link(
            self._locate(name),
            other._locate(new),
            src_dir_fd=self._handle,
            dst_dir_fd=other._handle,
            follow_symlinks=False,
        )

    def rename(self, name: str, other: Folder, new: str) -> None:
        """Move the file `name` to `new` in the folder `other`; on Unix, an existing file `new` is replaced."""
        os.rename(self._locate(name), other._locate(new), src_dir_fd=self._handle, dst_dir_fd=other._handle)

    def close(self) -> None:
        """Release the handle; idempotent."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _locate(self, name: str) -> str:
        """Return `name` if the folder has a handle, to which it is relative; else the full path."""
        return name if self._handle is not None else str(self._path / name)


def remove_leftovers(path: Path) -> None:
    """Delete the new files that ended processes left beside the file `path`, which they were about to replace.

    Blocking; ignores files that cannot be deleted.
    """
    with suppress(OSError):
        for name in os.listdir(path.parent):  # noqa: PTH208 (names only)
            found = _ASIDE.fullmatch(name)
            if found is not None and found["name"] == path.name[:100] and not psutil.pid_exists(int(found["pid"])):
                with suppress(OSError):
                    (path.parent / name).unlink()


def _replace(folder: Folder, name: str, data: bytes) -> bool:
    """Replace the file `name` atomically by a new file with `data`; return whether that was possible.

    Returns False, and changes nothing, if the new file could not have all attributes of the old one, or if the system
    refuses to create or to rename the new file.
    """
    aside = f".{name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.starling"
    descriptor = folder.open(name, os.O_RDONLY)
    try:
        wanted = attributes.read_attributes(descriptor)
    finally:
        os.close(descriptor)
    try:
        complete = _create(folder, aside, data, 0o600, wanted)
    except OSError as error:
        if error.errno in _NOT_REPLACED:
            return False
        raise
    try:
        if complete:
            folder.replace(aside, name)
            return True
    except OSError as error:
        complete = False
        if error.errno not in _NOT_REPLACED:
            raise
    finally:
        if not complete or folder.has(aside):
            with suppress(OSError):
                folder.remove(aside)
    return False


def _overwrite(folder: Folder, name: str, old: bytes, new: bytes) -> None:
    """Write `new` in place into the file `name`, which holds `old`; hard links, owner and attributes stay the same."""
    descriptor = folder.open(name, os.O_RDWR)
    try:
        overwriting.overwrite(descriptor, old, new)
    finally:
        os.close(descriptor)


def _create(folder: Folder, name: str, data: bytes, mode: int, wanted: Attributes | None = None) -> bool:
    """Create the file `name` with `data` and flush it to the disk; return whether it has the attributes `wanted`.

    Returns True if `wanted` is None. On an error, deletes the file again.
    """
    descriptor = folder.create(name, mode)
    complete = True
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if wanted is not None:
                complete = attributes.set_attributes(file.fileno(), wanted)
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            folder.remove(name)
        raise
    return complete


def _move(old: Folder, name: str, new: Folder, new_name: str) -> None:
    """Move the file `name` of `old` to `new_name` in `new`; raise OSError if that name is another file's.

    Links the file under its new name and then removes the old name; renames it where that is impossible or needless.
    """
    if os.name == "nt" or (new.has(new_name) and os.path.samestat(old.stat(name), new.stat(new_name))):
        old.rename(name, new, new_name)  # Windows never replaces; elsewhere only the case of the name changes
        return
    try:
        old.link(name, new, new_name)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}:
            raise
        if new.has(new_name):
            raise OSError(errno.EEXIST, "the name is taken", new_name) from None
        old.rename(name, new, new_name)  # a disk without hard links
        return
    try:
        old.remove(name)
    except OSError:
        new.remove(new_name)
        raise
