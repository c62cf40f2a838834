"""What git tracks, read from its index file: no program is run, and nothing of a repository's configuration counts.

What a person has put under version control is source, whatever its folder is called. Reads versions 2 to 4 of the file
and a split one, within bounds; what cannot be read is as if there were no git. Start at `Tracked`.
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
_ASKED_SINGLY = 50  # files; where more are asked about, all names are taken out of the file
_HASHES = (20, 32)  # bytes of SHA-1 and SHA-256
_ENTRY_BYTES = 40  # of an entry before its hash
_LONGEST = 0xFFF  # a longer name has this length in its flags
_EXTENDED = 0x4000
_PLACEHOLDERS = frozenset({b".gitkeep", b".keep", b".gitignore", b".gitattributes", b".placeholder", b".empty"})


@dataclass(frozen=True, slots=True)
class Repository:
    """Where the parts of a repository lie.

    Attributes:
        top: its work tree.
        own: the folder with what belongs to this work tree, such as the index.
        common: the folder with what all its work trees share, such as `info/exclude`.
    """

    top: Path
    own: Path
    common: Path

    @classmethod
    def of(cls, top: Path) -> Repository:
        """Find the folders of the work tree `top`; in a linked one and in a submodule, `.git` is a file."""
        own = top / ".git"
        if not own.is_dir():
            own = _named_in(own, top, "gitdir: ") or own
        return cls(top, own, _named_in(own / "commondir", own) or own)

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """Find the repository whose work tree `folder` lies in or is; None for none."""
        top = next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)
        return cls.of(top) if top is not None else None


@dataclass(slots=True)
class Tracked:
    """Whether git tracks something, in any repository; answers are kept while the index files stay as they are."""

    _answers: dict[Path, tuple[object, bool]] = field(default_factory=dict)
    _held: tuple[object, tuple[_Listing, ...]] = (None, ())

    def folder(self, folder: Path) -> bool:
        """Whether git tracks a file in `folder`, and not only what keeps an empty folder there."""
        return self._answered(folder, is_folder=True)

    def file(self, path: Path) -> bool:
        """Whether git tracks the file `path`."""
        return self._answered(path, is_folder=False)

    def release(self) -> None:
        """Give back the memory of the file that was read last."""
        self._held = (None, ())

    def _answered(self, path: Path, *, is_folder: bool) -> bool:
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
            self._held = (state, tuple(_listings(file)))
        name = os.fsencode(path.relative_to(repository.top).as_posix())
        answer = any(each.holds(name + b"/") if is_folder else each.has(name) for each in self._held[1])
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()
        self._answers[path] = (state, answer)
        return answer


class _Listing:
    """The names in one index file."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes of the file.

        Raises:
            ValueError: it is none.
        """
        if data[:4] != b"DIRC" or len(data) < 12:
            raise ValueError("no index of git")
        self._version, self._count = struct.unpack_from(">II", data, 4)
        if self._version not in {2, 3, 4}:
            raise ValueError("an index of an unknown version")
        self._data = _unpacked(data, self._count) if self._version == 4 else data
        self._names: frozenset[bytes] | None = None
        self._asked = 0

    def has(self, name: bytes) -> bool:
        """Whether that file is listed."""
        self._asked += 1
        if self._asked == _ASKED_SINGLY:
            try:
                names = self._data.split(b"\0") if self._version == 4 else _parsed(self._data, self._count)
                self._names = frozenset(names)
            except ValueError:
                self._names = None
        return name in self._names if self._names is not None else self.holds(name + b"\0")

    def holds(self, name: bytes) -> bool:
        """Whether a name begins with `name`, and is more than a placeholder; a NUL in `name` ends it."""
        at = self._data.find(name)
        while at >= 0:
            end = self._data.find(b"\0", at)
            if self._is_begin(at, end - at) and self._data[at:end].rpartition(b"/")[2] not in _PLACEHOLDERS:
                return True
            at = self._data.find(name, at + 1)
        return False

    def _is_begin(self, at: int, length: int) -> bool:
        """Whether a name of that length begins there, and not one that only ends alike: flags before it hold it."""
        if self._version == 4:
            return self._data[at - 1] == 0
        for back, extended in ((2, 0), (4, _EXTENDED)):
            (flags,) = struct.unpack_from(">H", self._data, max(at - back, 0))
            if flags & _EXTENDED == extended and flags & _LONGEST == min(length, _LONGEST):
                return True
        return False


def _unpacked(data: bytes, count: int) -> bytes:
    """The names of version 4 between NULs."""
    return b"\0" + b"\0".join(_parsed(data, count)) + b"\0"


def _parsed(data: bytes, count: int) -> list[bytes]:
    """The names of an index, whichever hashes it has.

    Raises:
        ValueError: it is damaged.
    """
    names = _shortened if data[7] == 4 else _padded
    for hash_bytes in _HASHES:
        try:
            return list(names(data, count, hash_bytes))
        except (IndexError, ValueError, struct.error):
            continue
    raise ValueError("a damaged index")


def _padded(data: bytes, count: int, hash_bytes: int) -> Iterator[bytes]:
    """The names of versions 2 and 3; each entry ends at a multiple of eight bytes from its begin."""
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


def _shortened(data: bytes, count: int, hash_bytes: int) -> Iterator[bytes]:
    """The names of version 4, each written as what differs from the one before."""
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


def _listings(file: Path) -> Iterator[_Listing]:
    """The index, and the one that a split one builds on."""
    try:
        data = _read(file)
        yield _Listing(data)
    except (OSError, ValueError):
        return
    at = data.rfind(b"link")  # the extension of a split index: its name, four bytes of length, and a hash
    for size in _HASHES if at >= 0 else ():
        try:
            yield _Listing(_read(file.with_name(f"sharedindex.{data[at + 8 : at + 8 + size].hex()}")))
        except (OSError, ValueError):
            continue


def _read(path: Path) -> bytes:
    data, _ = read_regular(path, _MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("too large")
    return data


def _named_in(file: Path, base: Path, before: str = "") -> Path | None:
    """Return the place that a small file names, relative to `base`; None when it names none."""
    try:
        line = read_regular(file, _LINE_BYTES)[0].decode("utf-8", "surrogateescape").strip()
    except OSError:
        return None
    if not line.startswith(before) or "\0" in line:
        return None
    return base / line.removeprefix(before)
