"""Changes made straight on the disk: for clients without an editor, and for what an editor cannot be told how to write.

Only the gate calls it, after a person's yes. A file is replaced as a whole or not at all; where a new file could not
have all that the old one has (a second name, an owner), it is written in place (`overwriting`). Nothing is overwritten
that was not read before, and no link is followed: from the workspace folder down every folder is opened as what it is,
where the system can. Start at `DiskWorkplace`.
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
_NOT_REPLACED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS})  # the folder refuses; the file may not


class DiskWorkplace:
    """The disk alone.

    Args:
        roots: the workspace folders; nothing outside of them is ever touched.
    """

    settle_s = 0.0

    def __init__(self, roots: Callable[[], Sequence[Path]]) -> None:
        self._roots = roots

    async def text(self, uri: str, path: Path | None) -> str | None:  # noqa: ARG002 (nothing is open here)
        """The file's text."""
        content = await asyncio.to_thread(contents.read, path) if path is not None else None
        return None if content is None else content.text

    async def apply(self, proposal: ProposedEdit, *, confirm: bool) -> str:  # noqa: ARG002 (this asks nobody)
        """Make the changes one after the other; the first that fails ends it."""
        for change in proposal.changes:
            try:
                await asyncio.to_thread(self.make, change)
            except OSError as error:
                path = change.path or "it"
                return f"{path} could not be written: {error.strerror or error}."
        return ""

    def make(self, change: Change) -> None:
        """Make one change; blocking.

        Raises:
            OSError: it could not be made; then nothing of it was.
        """
        match change:
            case TextChange(path=Path()):
                self._rewrite(change)
            case TextChange():
                raise OSError(errno.ENOENT, "it is no file", change.uri)
            case CreateFile():
                with self._folder(change.path, make=True) as (folder, name):
                    mode = 0o777 if change.executable else 0o666
                    data = contents.encoded(change.text, change.encoding)
                    if change.attributes is None:
                        _create(folder, name, data, mode)
                    else:
                        _create(folder, name, data, 0o600, change.attributes)
            case DeleteFile():
                with self._folder(change.path) as (folder, name):
                    folder.remove(name)
            case RenameFile():
                with self._folder(change.path) as (old, name), self._folder(change.to, make=True) as (new, new_name):
                    _move(old, name, new, new_name)

    def _rewrite(self, change: TextChange) -> None:
        assert change.path is not None  # noqa: S101 (see `make`)
        held = contents.read(change.path)
        if held is not None and held.text == change.after:
            return  # by another name of the same file
        if held is None or held.text != change.before:
            raise OSError(errno.ESTALE, "it has changed", str(change.path))
        data = contents.encoded(change.after, change.encoding or held.encoding)
        real = Path(os.path.realpath(change.path))
        with self._folder(real) as (folder, name):
            if hardlinks.has_names_outside(real, self._roots()):
                raise OSError(errno.EMLINK, "it has another name outside of the workspace (a hard link)")
            if folder.status(name).st_nlink > 1 or not _replace(folder, name, data):
                _overwrite(folder, name, held.data, data)

    @contextmanager
    def _folder(self, path: Path, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        """The folder of `path`, reached from its workspace folder without following a link, and the file's name."""
        real = Path(os.path.realpath(path.parent)) / path.name
        roots = [Path(os.path.realpath(root)) for root in self._roots()]
        root = max((one for one in roots if real.is_relative_to(one)), key=lambda one: len(one.parts), default=None)
        if root is None or real == root:
            raise OSError(errno.EACCES, "it lies in no workspace folder", str(path))
        folder = Folder.at(root)
        try:
            for part in real.parent.relative_to(root).parts:
                if make:
                    folder.make(part)
                inner = folder.inner(part)
                folder.close()
                folder = inner
            yield folder, real.name
        finally:
            folder.close()


class Folder:
    """An open folder: what is done in it is done there, whatever its path leads to by then.

    Where the system has no such thing (Windows), its path stands for it.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        self._path = path
        self._handle = handle

    @classmethod
    def at(cls, path: Path, outer: int | None = None) -> Folder:
        """Open it; a link is not followed."""
        if not SAFE:
            if path.is_symlink():
                raise OSError(errno.ELOOP, "it is a link now", str(path))
            return cls(path, None)
        name = path if outer is None else path.name
        return cls(path, os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer))

    def inner(self, name: str) -> Folder:
        """A folder in it."""
        return Folder.at(self._path / name, self._handle)

    def make(self, name: str) -> None:
        """A folder in it, unless there is one."""
        with suppress(FileExistsError):
            os.mkdir(self._of(name), dir_fd=self._handle)

    def create(self, name: str, mode: int) -> int:
        """A new file; its descriptor."""
        return os.open(self._of(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode, dir_fd=self._handle)

    def open(self, name: str, flags: int) -> int:
        """Open a regular file in it; return its descriptor."""
        harmless = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        descriptor = os.open(self._of(name), flags | harmless | _BINARY, dir_fd=self._handle)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file", name)
        return descriptor

    def status(self, name: str) -> os.stat_result:
        """Of a file in it."""
        return os.stat(self._of(name), dir_fd=self._handle, follow_symlinks=False)

    def holds(self, name: str) -> bool:
        """Whether something of that name is in it."""
        try:
            self.status(name)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete a file in it."""
        os.unlink(self._of(name), dir_fd=self._handle)

    def replace(self, old: str, new: str) -> None:
        """One file takes another's place at once."""
        os.replace(self._of(old), self._of(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def link(self, name: str, other: Folder, new: str) -> None:
        """A second name of a file; fails where the name is taken."""
        os.link(
            self._of(name), other._of(new), src_dir_fd=self._handle, dst_dir_fd=other._handle, follow_symlinks=False
        )

    def rename(self, name: str, other: Folder, new: str) -> None:
        """Move a file; on Unix what stands there is lost."""
        os.rename(self._of(name), other._of(new), src_dir_fd=self._handle, dst_dir_fd=other._handle)

    def close(self) -> None:
        """Let it go; safe twice."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _of(self, name: str) -> str:
        return name if self._handle is not None else str(self._path / name)


def _replace(folder: Folder, name: str, data: bytes) -> bool:
    """Put a new file in the place of another at once; return False where it would not have all that the other has."""
    aside = f".{name[:100]}.{secrets.token_hex(4)}.starling"
    descriptor = folder.open(name, os.O_RDONLY)
    try:
        wanted = attributes.of(descriptor)
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
        if not complete or folder.holds(aside):
            with suppress(OSError):
                folder.remove(aside)
    return False


def _overwrite(folder: Folder, name: str, old: bytes, new: bytes) -> None:
    """Write a file in place; its names, its owner and all else stay."""
    descriptor = folder.open(name, os.O_RDWR)
    try:
        overwriting.overwrite(descriptor, old, new)
    finally:
        os.close(descriptor)


def _create(folder: Folder, name: str, data: bytes, mode: int, wanted: Attributes | None = None) -> bool:
    """Make a file that is on the disk when this returns, none where it fails; return whether it has all `wanted`."""
    descriptor = folder.create(name, mode)
    complete = True
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if wanted is not None:
                complete = attributes.give(file.fileno(), wanted)
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            folder.remove(name)
        raise
    return complete


def _move(old: Folder, name: str, new: Folder, new_name: str) -> None:
    """Without overwriting: the file gets its new name before it loses the old one."""
    if os.name == "nt" or (new.holds(new_name) and os.path.samestat(old.status(name), new.status(new_name))):
        old.rename(name, new, new_name)  # Windows refuses by itself; else only the case of the name changes
        return
    try:
        old.link(name, new, new_name)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}:
            raise
        if new.holds(new_name):
            raise OSError(errno.EEXIST, "something of that name is there", new_name) from None
        old.rename(name, new, new_name)  # a disk without second names
        return
    try:
        old.remove(name)
    except OSError:
        new.remove(new_name)
        raise
