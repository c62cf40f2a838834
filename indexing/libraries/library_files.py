"""The shared index of libraries on the disk: segments of packages, manifests, and packages that are on their way.

A segment is compiled from packages and named after them; a package is named after the hash of its content, so all
workspaces of a user share it. The manifest of a workspace folder names the segments that it searches. A package file
holds the analysed files of one package until a segment holds them (`library_segments` says which one does), so that
each text is stored once, and an interrupted work goes on where it ended. All are written aside and renamed, so that an
interrupted write leaves nothing that is read; all can be deleted at any time. Start at `LibraryFiles`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexing.storage.index_files import FORMAT as INDEX_FORMAT
from starling_files import make_folder, open_private, read_regular, write_file

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from indexing.libraries.packages import Package

FOLDER = "libraries"
FORMAT = 2
SEGMENT_ENDING = f"-v{FORMAT}.{INDEX_FORMAT}.segment"
UNUSED_S = 30 * 86_400.0  # after which a package or segment is deleted
_TOUCH_S = 3_600.0  # between two records of use
_ABANDONED_S = 86_400.0  # after which what was never finished, or what no manifest names, is deleted
_MANIFEST_BYTES = 20_000_000
_REMAINS = ".part"  # end of the names of files and folders that are being written under the lock
_FORMAT_OF = re.compile(r"-v(\d+)\.(\d+)\.(?:package|segment|manifest)")
_DESCRIPTION = "package.json"
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    EOFError,
    RuntimeError,  # a damaged entry looks encrypted, is compressed in an unknown way, or is nested too deeply
)


class LibraryFileError(Exception):
    """A package file is damaged or missing; it has to be made again."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """An analysed file of a package: its path as code imports it (`make_import_path`), and its blob."""

    relative: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class IndexedPackage:
    """A package as the manifest lists it.

    Attributes:
        ecosystem: as in `Package`.
        name: as in `Package`.
        version: as in `Package`.
        place: as in `Package`.
        signature: hash of sizes and times of its files when they were read.
        key: its name in segments, and that of its package file without the ending.
        files: number of its files that were read; some may be left out for what they contain.
        size: of these files in bytes.
    """

    ecosystem: str
    name: str
    version: str
    place: str
    signature: str
    key: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The libraries that a workspace folder searches.

    Attributes:
        segments: file names of the segments.
        packages: their packages.
        watched: folders and files that change when a package is installed, and the times of their last change.
        left_out: numbers of files and packages that are not indexed, by reason.
    """

    segments: tuple[str, ...] = ()
    packages: tuple[IndexedPackage, ...] = ()
    watched: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the manifest in `data`. Raises ValueError, KeyError or TypeError if it is none."""
        table = json.loads(data)
        return cls(
            tuple(map(str, table["segments"])),
            tuple(IndexedPackage(**each) for each in table["packages"]),
            {str(path): int(changed) for path, changed in table["watched"].items()},
            {str(reason): int(count) for reason, count in table["left_out"].items()},
        )

    def is_changed(self) -> bool:
        """Return whether a package was installed or removed since the manifest was written."""
        return any(read_time(Path(path)) != changed for path, changed in self.watched.items())


def read_time(path: Path) -> int:
    """Return the time of the last change of `path` in nanoseconds; 0 if it cannot be read."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return 0


class LibraryFiles:
    """The folder of the shared index, below the folder `storage` of the workspaces' indexes."""

    def __init__(self, storage: Path) -> None:
        self.folder = storage / FOLDER

    @property
    def lock(self) -> Path:
        """Path of the writer's lock file."""
        return self.folder / "libraries.lock"

    def make_key(self, package: Package, digest: str) -> str:
        """Return the name of the file of `package` with the content `digest`, without the ending."""
        label = re.sub(r"[^A-Za-z0-9.]+", "-", f"{package.name}-{package.version}")[:60]
        return f"{package.ecosystem}-{label}-{digest}-v{FORMAT}.{INDEX_FORMAT}"

    def find_package(self, key: str) -> Path:
        """Return the path of the package file with the name `key`."""
        return self.folder / f"{key}.package"

    def find_manifest(self, root: Path) -> Path:
        """Return the path of the manifest of the workspace folder `root`."""
        return self._find_manifest_of(hashlib.blake2b(os.fsencode(os.path.realpath(root)), digest_size=8).hexdigest())

    def _find_manifest_of(self, digest: str) -> Path:
        """Return the path of the manifest of the workspace folder with the hash `digest`."""
        return self.folder / f"{digest}-v{FORMAT}.{INDEX_FORMAT}.manifest"

    def make_segment_name(self, keys: Iterable[str]) -> str:
        """Return the file name of the segment of the packages `keys`."""
        digest = hashlib.blake2b("\n".join(sorted(keys)).encode(), digest_size=16).hexdigest()
        return f"{digest}{SEGMENT_ENDING}"

    def read_manifest(self, root: Path) -> Manifest | None:
        """Return the manifest of `root`; None if it is missing or damaged."""
        return self._read_manifest_at(self.find_manifest(root))

    @staticmethod
    def _read_manifest_at(path: Path) -> Manifest | None:
        """Return the manifest at `path`; None if it is missing or damaged."""
        try:
            data, _ = read_regular(path, _MANIFEST_BYTES)
            return Manifest.parse(data)
        except (OSError, *DAMAGE):
            return None

    def write_manifest(self, root: Path, manifest: Manifest) -> None:
        """Replace the manifest of `root`. Raises OSError if it cannot be written."""
        make_folder(self.folder)
        write_file(self.find_manifest(root), json.dumps(asdict(manifest)).encode())

    def write_package(self, key: str, files: Iterable[IndexedFile]) -> int:
        """Write the package file `key` of `files`, whole or not at all; return the number of files.

        Raises:
            OSError: it cannot be written.
        """
        make_folder(self.folder)
        target = self.find_package(key)
        aside = target.with_name(f"{target.name}.{os.getpid()}{_REMAINS}")
        names: list[str] = []
        try:
            with (
                open_private(aside, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out,
            ):
                for each in files:
                    out.writestr(str(len(names)), each.blob)
                    names.append(each.relative)
                out.writestr(_DESCRIPTION, json.dumps(names))
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        return len(names)

    def read_package(self, key: str) -> Iterator[IndexedFile]:
        """Yield the files of the package file `key`, in the order in which they were written.

        Raises:
            LibraryFileError: it is damaged or missing.
        """
        try:
            with zipfile.ZipFile(self.find_package(key)) as held:
                for number, relative in enumerate(json.loads(held.read(_DESCRIPTION))):
                    yield IndexedFile(str(relative), held.read(str(number)))
        except (OSError, *DAMAGE) as error:
            raise LibraryFileError(f"the file of {key} is damaged") from error

    def note_use(self, names: Iterable[str]) -> None:
        """Record that the files with these names are in use, at most once an hour for each; ignores errors."""
        now = time.time()
        for name in names:
            path = self.folder / name
            with suppress(OSError):
                if now - path.stat().st_mtime > _TOUCH_S:
                    os.utime(path)

    def list_packages(self) -> list[IndexedPackage]:
        """Return the packages that the manifests of all workspace folders name, each once, sorted."""
        found = {each.key: each for manifest in self._read_manifests() for each in manifest.packages}
        return sorted(found.values(), key=lambda each: (each.ecosystem, each.name, each.version, each.key))

    def list_segments(self) -> list[str]:
        """Return the names of the segments that the manifests of all workspace folders name, each once, sorted."""
        return sorted({name for manifest in self._read_manifests() for name in manifest.segments})

    def _read_manifests(self) -> list[Manifest]:
        """Return the manifests of all workspace folders; leaves out damaged ones."""
        paths = [path for path, _, _ in self._list() if path.name.endswith(f"-v{FORMAT}.{INDEX_FORMAT}.manifest")]
        return [manifest for path in paths if (manifest := self._read_manifest_at(path)) is not None]

    def measure(self) -> int:
        """Return the size of all files in bytes; 0 if the folder cannot be read."""
        return sum(size for _, _, size in self._list())

    def remove_remains(self, *, packages: bool = False) -> None:
        """Delete what interrupted writes have left, with `packages` also all package files; only under the lock."""
        endings = (_REMAINS, ".package") if packages else (_REMAINS,)
        try:
            names = [name for name in os.listdir(self.folder) if name.endswith(endings)]  # noqa: PTH208 (names alone)
        except OSError:
            return
        for name in names:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()

    def evict(
        self, limit_bytes: int, kept: Iterable[str] = (), *, held: Container[str] = (), replaced: Container[str] = ()
    ) -> int:
        """Delete what nothing needs, then the least recently used, until the rest fits into `limit_bytes`.

        Nothing needs files of older formats, package files whose content a segment holds, segments that no manifest
        names, and what was not used for `UNUSED_S`. A manifest is deleted only once it is unused. Call it under the
        lock. A workspace whose files were deleted gets new ones when it is opened again.

        Args:
            limit_bytes: limit for all files together.
            kept: names of files that are deleted last.
            held: keys of the packages that segments hold.
            replaced: names of segments that are deleted at once if no manifest names them; others first get a day, in
                which the process that has made them writes its manifest.

        Returns:
            The number of deleted files.
        """
        last, named = frozenset(kept), frozenset(self.list_segments())
        now = time.time()
        found = self._list()
        total = sum(size for _, _, size in found)
        deleted = 0
        for path, used, size in sorted(found, key=lambda each: (each[0].name in last, each[1])):
            if path == self.lock:
                continue
            is_unused = path.name not in last and now - used > UNUSED_S
            if not (
                is_unused
                or _is_older_format(path.name)
                or (now - used > _ABANDONED_S and path.suffix in {_REMAINS, ".new", ".package"})
                or (path.suffix == ".package" and path.stem in held)
                or (
                    path.suffix == ".segment"
                    and path.name not in named
                    and (path.name in replaced or now - used > _ABANDONED_S)
                )
                or (total > limit_bytes and path.suffix != ".manifest")
            ):
                continue
            with suppress(OSError):  # mapped by another server (Windows): deleted the next time
                path.unlink()
                total -= size
                deleted += 1
        return deleted

    def list_unused(self, digests: Iterable[str]) -> list[tuple[Path, float, int]]:
        """Return the segments that no workspace folder with a hash in `digests` searches.

        Each with the time of its last use, in seconds since the epoch, and its size in bytes.
        """
        used: set[str] = set()
        for digest in digests:
            if (manifest := self._read_manifest_at(self._find_manifest_of(digest))) is not None:
                used.update(manifest.segments)
        return [each for each in self._list() if each[0].suffix == ".segment" and each[0].name not in used]

    def _list(self) -> list[tuple[Path, float, int]]:
        """Return the files in the folder with the times of their last use and their sizes."""
        found: list[tuple[Path, float, int]] = []
        try:
            with os.scandir(self.folder) as listing:
                for entry in listing:
                    state = entry.stat(follow_symlinks=False)
                    if entry.is_file(follow_symlinks=False):
                        found.append((Path(entry.path), state.st_mtime, state.st_size))
        except OSError:
            return []
        return found


def _is_older_format(name: str) -> bool:
    """Return whether the file `name` has an older format than this program writes; False without a format."""
    found = _FORMAT_OF.search(name)
    return found is not None and (int(found[1]), int(found[2])) < (FORMAT, INDEX_FORMAT)
