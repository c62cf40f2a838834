"""The workplace without an editor: changes written to the disk.

For clients that are no editor, and for files that an editor cannot write byte by byte. Only the gate calls it, after a
person's yes. Replaces a file as a whole; writes it in place (`overwriting`) only if a new file would lose a hard link,
an owner or an attribute. Overwrites only what it has read before. Follows no link: where the system allows, every
folder from the workspace folder down is opened with O_NOFOLLOW. Start at `DiskWorkplace`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.disk import attributes, contents, hardlinks, overwriting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.edits import Attributes, Change, ProposedEdit

SAFE = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
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
        """Return the text of the file at `path`; None if it does not exist, or for an untitled document."""
        content = await asyncio.to_thread(contents.read, path) if path is not None else None
        return None if content is None else content.text

    async def apply(self, proposal: ProposedEdit, *, confirm: bool) -> str:  # noqa: ARG002 (this asks nobody)
        """Make the changes in order, up to the first that fails; return why that one failed, "" for none."""
        for change in proposal.changes:
            try:
                await asyncio.to_thread(self.make, change)
            except OSError as error:
                path = change.path or "it"
                return f"{path} could not be written: {error.strerror or error}."
        return ""

    def make(self, change: Change) -> None:
        """Make one change as a whole; blocking.

        Raises:
            OSError: the change could not be made; the files are as before.
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
        """Write the changed text of a file; raise OSError if the file does not hold the text before the change."""
        assert change.path is not None  # noqa: S101 (see `make`)
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
        """Open the folder of `path` from its workspace folder, following no link; yield it with the file's name.

        With `make`, create missing folders.
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
    """An open folder; its methods act in that folder even if its path leads elsewhere by then.

    Without directory handles (on Windows) the methods use the path.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        self._path = path
        self._handle = handle

    @classmethod
    def open_at(cls, path: Path, outer: int | None = None) -> Folder:
        """Open the folder `path`, relative to the handle `outer` if given; raise OSError for a link."""
        if not SAFE:
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a link now", str(path))
            return cls(path, None)
        name = path if outer is None else path.name
        return cls(path, os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer))

    def open_inner(self, name: str) -> Folder:
        """Open the folder `name` in this folder."""
        return Folder.open_at(self._path / name, self._handle)

    def make_inner(self, name: str) -> None:
        """Create the folder `name` in this folder, unless it exists."""
        with suppress(FileExistsError):
            os.mkdir(self._locate(name), dir_fd=self._handle)

    def create(self, name: str, mode: int) -> int:
        """Create the file `name` with `mode` and return its descriptor; raise OSError if the name is taken."""
        return os.open(self._locate(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode, dir_fd=self._handle)

    def open(self, name: str, flags: int) -> int:
        """Open the regular file `name` with `flags` and return its descriptor; raise OSError for anything else."""
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
        """Whether the name `name` exists in this folder."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete the file `name`."""
        os.unlink(self._locate(name), dir_fd=self._handle)

    def replace(self, old: str, new: str) -> None:
        """Rename the file `old` to `new` atomically, replacing a file of that name."""
        os.replace(self._locate(old), self._locate(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def link(self, name: str, other: Folder, new: str) -> None:
        """Give the file `name` a hard link `new` in the folder `other`; raise OSError if that name is taken."""
        os.link(
            self._locate(name),
            other._locate(new),
            src_dir_fd=self._handle,
            dst_dir_fd=other._handle,
            follow_symlinks=False,
        )

    def rename(self, name: str, other: Folder, new: str) -> None:
        """Move the file `name` to `new` in the folder `other`; on Unix a file of that name is replaced."""
        os.rename(self._locate(name), other._locate(new), src_dir_fd=self._handle, dst_dir_fd=other._handle)

    def close(self) -> None:
        """Release the handle; idempotent."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _locate(self, name: str) -> str:
        return name if self._handle is not None else str(self._path / name)


def _replace(folder: Folder, name: str, data: bytes) -> bool:
    """Replace the file `name` atomically by a new one with `data`; return whether that was possible.

    Returns False, and changes nothing, if the new file could not get all attributes of the old one or the folder does
    not allow new files.
    """
    aside = f".{name[:100]}.{secrets.token_hex(4)}.starling"
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
    """Write `new` in place into a file that holds `old`; its hard links, owner and attributes stay."""
    descriptor = folder.open(name, os.O_RDWR)
    try:
        overwriting.overwrite(descriptor, old, new)
    finally:
        os.close(descriptor)


def _create(folder: Folder, name: str, data: bytes, mode: int, wanted: Attributes | None = None) -> bool:
    """Create a file and flush it to the disk; return whether it got all of `wanted`. On errors no file is left."""
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
    """Move a file without replacing another one: link it under the new name, then remove the old name."""
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
