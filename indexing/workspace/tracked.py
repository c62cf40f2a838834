"""The files that git tracks, read from its index file without running a program or reading its configuration.

Reads versions 2 to 4 and split indexes, within bounds; an index that cannot be read counts as no repository. The format
is https://git-scm.com/docs/index-format. Start at `Tracked`.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 128 << 20  # of an index file: a million files
_LINE_BYTES = 4096  # of the small files that name other places
_MOST_ANSWERS = 1000
_MOST_SINGLE_LOOKUPS = 50  # files; for more, all names are read from the index
_HASHES = (20, 32)  # bytes of SHA-1 and SHA-256
_ENTRY_BYTES = 40  # of an entry before its hash
_LONGEST = 0xFFF  # a longer name has this length in its flags
_EXTENDED = 0x4000
_PLACEHOLDERS = frozenset({b".gitkeep", b".keep", b".gitignore", b".gitattributes", b".placeholder", b".empty"})


@dataclass(frozen=True, slots=True)
class Repository:
    """Folders of a repository.

    Attributes:
        top: the work tree.
        own: the folder with the files of this work tree, such as the index.
        common: the folder with the files that all its work trees share, such as `info/exclude`.
    """

    top: Path
    own: Path
    common: Path

    @classmethod
    def of(cls, top: Path) -> Repository:
        """Return the folders of the repository with the work tree `top`, which may be a linked one or a submodule."""
        own = top / ".git"
        if not own.is_dir():
            own = _read_path(own, top, "gitdir: ") or own
        return cls(top, own, _read_path(own / "commondir", own) or own)

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """Return the repository whose work tree is `folder` or contains it; None without one."""
        top = next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)
        return cls.of(top) if top is not None else None


@dataclass(slots=True)
class Tracked:
    """Lookup of tracked files in any repository; answers are cached until the index file changes."""

    _answers: dict[Path, tuple[object, bool]] = field(default_factory=dict)
    _held: tuple[object, tuple[_Listing, ...]] = (None, ())

    def has_folder(self, folder: Path) -> bool:
        """Return whether git tracks a file in `folder` that is more than a placeholder such as `.gitkeep`."""
        return self._look_up(folder, is_folder=True)

    def has_file(self, path: Path) -> bool:
        """Return whether git tracks the file `path`."""
        return self._look_up(path, is_folder=False)

    def release(self) -> None:
        """Release the memory of the index that was read last."""
        self._held = (None, ())

    def _look_up(self, path: Path, *, is_folder: bool) -> bool:
        """Return whether git tracks the file `path`, or a file in the folder `path`; False without a repository."""
        repository = Repository.around(path.parent)
        if repository is None:
            return False
        file = repository.own / "index"
        try:
            found = file.stat()
        except OSError:
            return False
        state = (file, found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._answers.get(path)
        if known is not None and known[0] == state:
            return known[1]
        if self._held[0] != state:
            self._held = (state, tuple(_read_listings(file)))
        name = os.fsencode(path.relative_to(repository.top).as_posix())
        answer = any(each.has_prefix(name + b"/") if is_folder else each.has_name(name) for each in self._held[1])
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()
        self._answers[path] = (state, answer)
        return answer


class _Listing:
    """The names in one index file."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes of an index file.

        Raises:
            ValueError: they are not an index of a known version.
        """
        if data[:4] != b"DIRC" or len(data) < 12:
            raise ValueError("no index of git")
        self._version, self._count = struct.unpack_from(">II", data, 4)
        if self._version not in {2, 3, 4}:
            raise ValueError("an index of an unknown version")
        self._data = _unpack_names(data, self._count) if self._version == 4 else data
        self._names: frozenset[bytes] | None = None
        self._asked = 0

    def has_name(self, name: bytes) -> bool:
        """Return whether the index lists the file `name`."""
        self._asked += 1
        if self._asked == _MOST_SINGLE_LOOKUPS:
            try:
                names = self._data.split(b"\0") if self._version == 4 else _parse_names(self._data, self._count)
                self._names = frozenset(names)
            except ValueError:
                self._names = None
        return name in self._names if self._names is not None else self.has_prefix(name + b"\0")

    def has_prefix(self, name: bytes) -> bool:
        """Return whether the name of a listed file that is no placeholder begins with `name`.

        With NUL at its end, `name` must be the whole name, which may be that of a placeholder.
        """
        at = self._data.find(name)
        while at >= 0:
            end = self._data.find(b"\0", at)
            is_placeholder = self._data[at:end].rpartition(b"/")[2] in _PLACEHOLDERS
            if self._is_name_start(at, end - at) and (name.endswith(b"\0") or not is_placeholder):
                return True
            at = self._data.find(name, at + 1)
        return False

    def _is_name_start(self, at: int, length: int) -> bool:
        """Return whether a listed name of `length` bytes begins at `at`, by the NUL or the flags before it."""
        if self._version == 4:
            return self._data[at - 1] == 0
        for back, extended in ((2, 0), (4, _EXTENDED)):
            (flags,) = struct.unpack_from(">H", self._data, max(at - back, 0))
            if flags & _EXTENDED == extended and flags & _LONGEST == min(length, _LONGEST):
                return True
        return False


def _unpack_names(data: bytes, count: int) -> bytes:
    """Return the names of a version 4 index, separated and enclosed by NULs."""
    return b"\0" + b"\0".join(_parse_names(data, count)) + b"\0"


def _parse_names(data: bytes, count: int) -> list[bytes]:
    """Return the names in an index, whose hashes may be SHA-1 or SHA-256.

    Raises:
        ValueError: the index is damaged.
    """
    names = _read_version_4 if data[7] == 4 else _read_version_2
    for hash_bytes in _HASHES:
        try:
            return list(names(data, count, hash_bytes))
        except (IndexError, ValueError, struct.error):
            continue
    raise ValueError("a damaged index")


def _read_version_2(data: bytes, count: int, hash_bytes: int) -> Iterator[bytes]:
    """Yield the names of versions 2 and 3, whose entries are padded to a multiple of eight bytes."""
    at = 12
    for _ in range(count):
        begin = at + _ENTRY_BYTES + hash_bytes
        (flags,) = struct.unpack_from(">H", data, begin)
        begin += 4 if flags & _EXTENDED else 2
        end = data.index(b"\0", begin)
        if flags & _LONGEST != min(end - begin, _LONGEST):
            raise ValueError("a damaged index, or other hashes")
        yield data[begin:end]
        at += (end - at + 8) & ~7


def _read_version_4(data: bytes, count: int, hash_bytes: int) -> Iterator[bytes]:
    """Yield the names of version 4, in which each name is stored as its difference from the previous one."""
    at, name = 12, b""
    for _ in range(count):
        at += _ENTRY_BYTES + hash_bytes
        (flags,) = struct.unpack_from(">H", data, at)
        at += 4 if flags & _EXTENDED else 2
        byte = data[at]
        dropped = byte & 127
        while byte & 128:
            at += 1
            byte = data[at]
            dropped = (dropped + 1 << 7) | (byte & 127)
        end = data.index(b"\0", at + 1)
        name = name[: len(name) - dropped] + data[at + 1 : end]
        if flags & _LONGEST != min(len(name), _LONGEST):
            raise ValueError("a damaged index, or other hashes")
        at = end + 1
        yield name


def _read_listings(file: Path) -> Iterator[_Listing]:
    """Yield the index in `file` and, if it is split, the shared one; nothing if it cannot be read."""
    try:
        data = _read_bytes(file)
        yield _Listing(data)
    except (OSError, ValueError):
        return
    at = data.rfind(b"link")  # the extension of a split index: its name, four bytes of length, and a hash
    for size in _HASHES if at >= 0 else ():
        try:
            yield _Listing(_read_bytes(file.with_name(f"sharedindex.{data[at + 8 : at + 8 + size].hex()}")))
        except (OSError, ValueError):
            continue


def _read_bytes(path: Path) -> bytes:
    """Return the bytes of the file at `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large.
    """
    data, _ = read_regular(path, _MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("too large")
    return data


def _read_path(file: Path, base: Path, before: str = "") -> Path | None:
    """Return the path that `file` holds after the text `before`, resolved against `base`.

    None if the file cannot be read or does not begin so.
    """
    try:
        line = read_regular(file, _LINE_BYTES)[0].decode("utf-8", "surrogateescape").strip()
    except OSError:
        return None
    if not line.startswith(before) or "\0" in line:
        return None
    return base / line.removeprefix(before)
