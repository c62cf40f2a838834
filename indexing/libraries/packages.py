"""Installed packages: their records, the files of a package that may be indexed, and the digest of their content.

A package is data of somebody else: no program of it runs, no link is followed, and a file with a secret is left out.
Start at `Package` and `read_contents`.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.workspace.built_in_reasons import find_folder_reason, find_name_reason
from indexing.workspace.files import read_regular
from indexing.workspace.secrets.secret_files import is_secret_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from indexing.limits import IndexLimits

PYPI, NPM, GO_MODULES, CRATES = "pypi", "npm", "gomod", "crates"  # standard libraries included
STDLIB = "stdlib"
MOST_FILES = 10_000  # of one package
MOST_BYTES = 30_000_000
_MOST_FOLDERS = 5_000
_MOST_DEPTH = 12
_DIGEST_BYTES = 16
_MOST_ABOVE = 4  # folders above a workspace in which its environment is looked for
_MOST_DECLARED_BYTES = 4_000_000  # of the declarations of one package


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package.

    Attributes:
        ecosystem: the registry that it is from: `PYPI`, `NPM`, `GO_MODULES` or `CRATES`.
        name: its name in the registry of the ecosystem; "stdlib" for the standard library.
        version: its version.
        folder: the folder that its files are relative to.
        files: relative paths of its source files, separated by "/", sorted; empty if its folder has to be walked.
        modules: names by which code imports it.
        requires: names of the packages that it depends on.
        endings: of the source files that are found by walking its folder.
        left_out: names of folders directly in its folder that are not walked.
        declarations: endings of files that say what other files hold, which are also looked for in build output.
    """

    ecosystem: str
    name: str
    version: str
    folder: Path
    files: tuple[str, ...]
    modules: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    declarations: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Text that identifies the package on this machine, whatever its content is."""
        return f"{self.ecosystem}:{self.name}:{self.version}:{self.folder}"


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of a package that may be indexed: its relative path, size in bytes and time of the last change."""

    relative: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a package as they were read.

    Attributes:
        digests: hash of each file by its relative path, in hexadecimal.
        digest: hash of all of them.
        size: of the files in bytes.
    """

    digests: dict[str, str]
    digest: str
    size: int


@dataclass(slots=True)
class Listing:
    """The files of a package as they are on the disk, and the number of those left out, by reason."""

    files: list[FileState] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """Size of the files in bytes."""
        return sum(each.size for each in self.files)

    @property
    def signature(self) -> str:
        """Hash of paths, sizes and times, which changes with nearly every change of the content."""
        lines = "".join(f"{each.relative}\0{each.size}\0{each.mtime_ns}\n" for each in self.files)
        return hashlib.blake2b(lines.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


def locate_file(place: str, relative: str) -> Path | None:
    """Return where a file of a package is on this machine; None for a path that cannot be one of the package.

    Args:
        place: `Package.place` of the package.
        relative: path of the file in a segment: as code imports it (`make_import_path`).
    """
    ecosystem, name, _, folder = place.split(":", 3)
    inside = relative.removeprefix(make_import_path(ecosystem, name, ""))
    if inside == relative and ecosystem == NPM:
        return None
    return Path(folder) / inside


def make_import_path(ecosystem: str, name: str, relative: str) -> str:
    """Return the path by which code imports the file `relative` of the package `name`, which is unique in a segment."""
    return f"node_modules/{name}/{relative}" if ecosystem == NPM else relative


def list_contents(package: Package, limits: IndexLimits) -> Listing:
    """Return the files of `package` that may be indexed by name, type and size; reads no content.

    Leaves out links, files outside of the package's folder, and what exceeds `MOST_FILES`, `MOST_BYTES` or
    `_MOST_DECLARED_BYTES`.
    """
    listing, size, declared = Listing(), 0, 0
    inside: dict[str, bool] = {}
    base = os.path.realpath(package.folder)
    for relative in package.files or _walk_package(package):
        folder = relative.rpartition("/")[0]
        if folder not in inside:
            real = os.path.realpath(package.folder / folder)
            inside[folder] = real == os.path.normpath(os.path.join(base, folder))  # noqa: PTH118 (one call for each folder)
        reason, found = _find_reason(package, relative, limits, is_inside=inside[folder])
        if found is None or reason:
            listing.left_out[reason] += 1
            continue
        declared += found.st_size if relative.endswith(package.declarations) else 0
        if len(listing.files) >= MOST_FILES or size + found.st_size > MOST_BYTES or declared > _MOST_DECLARED_BYTES:
            listing.left_out["over the limit of a package"] += 1
        else:
            size += found.st_size
            listing.files.append(FileState(relative, found.st_size, found.st_mtime_ns))
    return listing


def _walk_package(package: Package) -> tuple[str, ...]:
    """Return the relative paths of the source files in the folder of `package`, its declarations last; each sorted."""
    if not package.endings:
        return ()
    files = walk_files(package.folder, package.endings, is_left_out=package.left_out.__contains__)
    if not package.declarations:
        return files
    declared = _walk(package.folder, package.declarations, package.left_out.__contains__, with_built=True)
    return (*(each for each in files if not each.endswith(package.declarations)), *sorted(declared))


def _find_reason(
    package: Package, relative: str, limits: IndexLimits, *, is_inside: bool
) -> tuple[str, os.stat_result | None]:
    """Return the reason to leave out a file of `package`, "" for none, and its status if it could be read."""
    if not is_inside:
        return "link", None
    reason = "secret" if is_secret_path(relative) else find_name_reason(relative.rpartition("/")[2])
    if reason:
        return reason, None
    try:
        found = (package.folder / relative).lstat()
    except (OSError, ValueError):
        return "unreadable", None
    if not stat.S_ISREG(found.st_mode):
        return "link" if stat.S_ISLNK(found.st_mode) else "special", None
    return "too large" if found.st_size > limits.max_file_bytes else "", found


def read_contents(package: Package, listing: Listing, limits: IndexLimits) -> Contents:
    """Read the files in `listing` and return their hashes; leaves out files that cannot be read any more."""
    digests: dict[str, str] = {}
    whole = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    size = 0
    for each in listing.files:
        try:
            data, _ = read_regular(package.folder / each.relative, limits.max_file_bytes + 1)
        except OSError:
            continue
        digests[each.relative] = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
        whole.update(f"{each.relative}\0{digests[each.relative]}\n".encode("utf-8", "surrogatepass"))
        size += len(data)
    return Contents(digests, whole.hexdigest(), size)


def walk_files(
    folder: Path, endings: Collection[str], *, is_left_out: Callable[[str], bool] = lambda _: False
) -> tuple[str, ...]:
    """Return the relative paths of the files below `folder` with one of `endings`, sorted; enters no link.

    Leaves out folders of build output, caches and vendored code, hidden folders, those for which `is_left_out` of their
    relative path is true, and everything beyond the bounds of a package.
    """
    return tuple(sorted(_walk(folder, tuple(endings), is_left_out)))


def _walk(
    folder: Path, endings: tuple[str, ...], is_left_out: Callable[[str], bool], *, with_built: bool = False
) -> Iterator[str]:
    """Yield the files that `walk_files` returns, in any order; those in build output, too, if `with_built`."""
    waiting: list[tuple[str, int]] = [("", 0)]
    entered = count = 0
    while waiting and entered < _MOST_FOLDERS:
        relative, depth = waiting.pop()
        entered += 1
        try:
            with os.scandir(folder / relative) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        held = {entry.name for entry in entries}
        reason = find_folder_reason(relative.rpartition("/")[2], held) if relative else ""
        if (reason and not (with_built and reason == "build output")) or (relative and is_left_out(relative)):
            continue
        for entry in entries:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir(follow_symlinks=False):
                if depth < _MOST_DEPTH and not entry.name.startswith("."):
                    waiting.append((path, depth + 1))
            elif entry.name.endswith(endings):
                count += 1
                if count > 2 * MOST_FILES:
                    return
                yield path


def list_above(root: Path) -> list[Path]:
    """Return `root` and up to `_MOST_ABOVE` folders above it, none above that of its repository, nearest first."""
    folders = []
    for folder in (root, *root.parents[:_MOST_ABOVE]):
        folders.append(folder)
        if os.path.exists(folder / ".git"):  # noqa: PTH110 (see `is_file`)
            break
    return folders


def is_file(path: Path) -> bool:
    """Return whether `path` is a file; False where `Path.is_file` raises OSError, as for a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False where `Path.is_dir` raises OSError, as for a name that is too long."""
    return os.path.isdir(path)  # noqa: PTH112


def normalize_name(name: str) -> str:
    """Return a package's name as registries compare names: lower case, with "-" for "_" and "."."""
    return re.sub(r"[-_.]+", "-", name).lower()
