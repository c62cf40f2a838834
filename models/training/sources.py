"""Sources of code: wheels of PyPI, tarballs of npm, packages of Debian, the standard library.

Downloads packages with the registries' own clients, never runs their code, and reads each package's licence from its
own metadata. `corpus` selects the files for training. Start at `download` and `read_package`.
"""

from __future__ import annotations

import csv
import json
import logging
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from email import message_from_bytes
from typing import TYPE_CHECKING

from models.training import debian
from models.training.languages import find_language
from models.training.licences import find_expression_family, find_permissive_family

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

STDLIB = "cpython-stdlib"
_DEBIAN = (debian.BINARY, debian.SOURCE)
REGISTRIES = ("pypi", "npm", *_DEBIAN)
_CLIENTS = {"npm": "npm"} | dict.fromkeys(_DEBIAN, "apt-get")  # without pip, which is always installed
_VENDORED = re.compile(
    r"(^|[/_])(_?vendor(ed)?|extern(al|als)?|third_?party|site-packages|_libs|blib2to3|node_modules)([/_]|$)"
)
# Files that a build made from other files of the package.
_BUILT = re.compile(r"(^|/)(dist|build|umd|esm?|cjs|bundles?|legacy|fesm\d*|min)/|[.-]min\.|\.bundle\.|\.d\.[cm]?ts$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a package: name of the package, path, text, and licence family ("" if not permissive)."""

    package: str
    path: str
    text: str
    licence: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """A package at a version in a registry.

    Attributes:
        name: name in the registry.
        version: version to use; "" for a downloaded one, else the newest.
        registry: one of `REGISTRIES`.
    """

    name: str
    version: str = ""
    registry: str = "pypi"

    @property
    def requirement(self) -> str:
        """Name and version in the form of the registry's client ("name==1.0" for PyPI)."""
        mark = {"pypi": "==", "npm": "@"}.get(self.registry, "=")
        return f"{self.name}{mark}{self.version}" if self.version else self.name

    @property
    def stem(self) -> str:
        """Beginning of its archive's file name, before the version."""
        if self.registry == "npm":
            return self.name.removeprefix("@").replace("/", "-")
        return self.name.replace("-", "_").lower()


def read_card(card: Path) -> list[Pinned]:
    """Return the packages in a data card: a CSV with the columns package, version and registry (default "pypi").

    Raises:
        ValueError: a registry is unknown.
    """
    with card.open(encoding="utf-8", newline="") as stream:
        found = [
            Pinned(row["package"], row["version"], row.get("registry") or "pypi") for row in csv.DictReader(stream)
        ]
    for package in found:
        if package.registry not in REGISTRIES:
            raise ValueError(f"{card}: {package.name} is of {package.registry!r}; there are {', '.join(REGISTRIES)}.")
    return found


def download(packages: Iterable[Pinned], folder: Path) -> list[Pinned]:
    """Download the packages that `folder` lacks; log and return those that are not available. Builds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, list[Pinned]] = defaultdict(list)
    for package in packages:
        if package.name != STDLIB and find_archive(package, folder) is None:
            wanted[package.registry].append(package)
    missing: list[Pinned] = []
    for registry, some in wanted.items():
        client = _CLIENTS.get(registry)
        if client and shutil.which(client) is None:
            _log.warning("%s is not installed: %d packages of its registry are left out", client, len(some))
            missing += some
        elif not _fetch(registry, some, folder):  # all at once: most of the time is a client's start
            missing += [package for package in some if not _fetch(registry, [package], folder)]
    for package in missing:
        _log.warning("%s is left out: no archive of it", package.requirement)
    return missing


def find_archive(package: Pinned, folder: Path) -> Path | None:
    """Return the downloaded archive of a package at its version; None if there is none.

    Of a Debian source package, which has two archives, returns upstream's.
    """
    if package.registry in _DEBIAN:
        return next(iter(debian.find_archives(package.registry, package.name, package.version, folder)), None)
    version = re.escape(package.version) or r"\d[^-]*"
    ending = r"-.*\.whl" if package.registry == "pypi" else r"\.tgz" if package.version else r".*\.tgz"
    pattern = re.compile(f"{re.escape(package.stem)}-{version}{ending}")
    return next((path for path in sorted(folder.iterdir()) if pattern.fullmatch(_fold_case(path, package))), None)


def _fold_case(path: Path, package: Pinned) -> str:
    """Return the name of the file `path`; for PyPI with the package's name in lower case."""
    name, dash, rest = path.name.partition("-")
    return f"{name.lower()}{dash}{rest}" if package.registry == "pypi" else path.name


def _fetch(registry: str, packages: Sequence[Pinned], folder: Path) -> bool:
    """Download packages of one registry into `folder`; return whether all of them were available."""
    requirements = [package.requirement for package in packages]
    if registry in _DEBIAN:
        return debian.fetch(registry, requirements, folder)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    if registry == "npm":
        npm = shutil.which("npm") or "npm"  # a script with an ending of its own on Windows
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    return subprocess.run([*command, *requirements], check=False, capture_output=True).returncode == 0


def read_package(package: Pinned, folder: Path) -> Iterator[SourceFile]:
    """Yield the source files of a downloaded package; nothing if it is missing."""
    if package.registry in _DEBIAN:
        yield from read_debian(package, folder)
    elif archive := find_archive(package, folder):
        yield from read_wheel(archive) if package.registry == "pypi" else read_tarball(archive)


def read_wheel(wheel: Path) -> Iterator[SourceFile]:
    """Yield the Python files of a wheel, except vendored ones, with the licence family in its metadata.

    Yields nothing for a wheel without metadata.
    """
    package = wheel.name.split("-")[0].lower()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next((name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), None)
        if metadata is None:
            return  # nothing says under which licence it is
        licence = find_permissive_family(message_from_bytes(archive.read(metadata)))
        for name in names:
            if name.endswith(".py") and not _VENDORED.search(name):
                text = _decode(archive.read(name))
                if text is not None:
                    yield SourceFile(package, name, text, licence)


def read_folder(folder: Path, package: str, licence: str) -> Iterator[SourceFile]:
    """Yield the Python files below `folder` in the order of their paths.

    Leaves out vendored and installed files, and those that are not UTF-8.
    """
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).as_posix()
        if "site-packages" in path.parts or _VENDORED.search(relative):
            continue
        text = _decode(path.read_bytes())
        if text is not None:
            yield SourceFile(package, relative, text, licence)


def read_tarball(tarball: Path) -> Iterator[SourceFile]:
    """Yield the source files of an npm package, except built and vendored ones, with the licence that it states."""
    with tarfile.open(tarball) as archive:
        members = {member.name: member for member in archive if member.isfile() and member.size <= debian.LARGEST_FILE}
        about = next((name for name in members if re.fullmatch(r"[^/]+/package\.json", name)), None)
        stream = archive.extractfile(members[about]) if about else None
        stated = json.loads(stream.read()) if stream else {}
        licence = stated.get("license")
        family = find_expression_family(licence) if isinstance(licence, str) else ""
        for name, member in members.items():
            path = name.partition("/")[2]
            if not find_language(path) or _VENDORED.search(path) or _BUILT.search(path):
                continue
            content = archive.extractfile(member)
            text = _decode(content.read()) if content else None
            if text is not None:
                package = str(stated.get("name", ""))
                yield SourceFile(package, f"{package}/{path}", text, family)


def read_debian(package: Pinned, folder: Path) -> Iterator[SourceFile]:
    """Yield the source files of a Debian package, except built and vendored ones, with the licence stated for each.

    Logs a damaged package, and yields nothing of it.
    """
    archives = debian.find_archives(package.registry, package.name, package.version, folder)
    try:
        files = list(debian.read(archives)) if archives else []
    except debian.UNREADABLE as error:
        _log.warning("%s is left out: %s", " and ".join(path.name for path in archives), error)
        return
    for path, raw, family in files:
        if find_language(path) and not _VENDORED.search(path) and not _BUILT.search(path):
            text = _decode(raw)
            if text is not None:
                yield SourceFile(package.name, f"{package.name}/{path}", text, family)


def _decode(raw: bytes) -> str | None:
    """Return `raw` as text, with line feeds as line ends; None if it is not UTF-8."""
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
