"""Where code to learn from comes from: wheels of PyPI, tarballs of npm, packages of Debian, the standard library.

Downloads with the registries' own clients, never runs any of it, and reads each package's licence from what the package
says of itself. What of it is worth learning is `corpus`' to say. Start at `download` and `read_package`.
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
from models.training.languages import language_of
from models.training.licences import family_of_expression, permissive_family

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

STDLIB = "cpython-stdlib"
_DEBIAN = (debian.BINARY, debian.SOURCE)
REGISTRIES = ("pypi", "npm", *_DEBIAN)
_CLIENTS = {"npm": "npm"} | dict.fromkeys(_DEBIAN, "apt-get")  # beside pip, which is always there
_VENDORED = re.compile(
    r"(^|[/_])(_?vendor(ed)?|extern(al|als)?|third_?party|site-packages|_libs|blib2to3|node_modules)([/_]|$)"
)
# What a build made of the sources beside it.
_BUILT = re.compile(r"(^|/)(dist|build|umd|esm?|cjs|bundles?|legacy|fesm\d*|min)/|[.-]min\.|\.bundle\.|\.d\.[cm]?ts$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: the package it came from, its path inside it, its text, and the package's licence family."""

    package: str
    path: str
    text: str
    licence: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """A package at a version in a registry; `version` "" takes what is there, else the newest."""

    name: str
    version: str = ""
    registry: str = "pypi"

    @property
    def requirement(self) -> str:
        """As the registry's client takes it."""
        mark = {"pypi": "==", "npm": "@"}.get(self.registry, "=")
        return f"{self.name}{mark}{self.version}" if self.version else self.name

    @property
    def stem(self) -> str:
        """How its file's name begins, without the version."""
        if self.registry == "npm":
            return self.name.removeprefix("@").replace("/", "-")
        return self.name.replace("-", "_").lower()


def read_card(card: Path) -> list[Pinned]:
    """Packages named in a data card: a CSV with the columns package, version and registry ("pypi" where not given)."""
    with card.open(encoding="utf-8", newline="") as stream:
        found = [
            Pinned(row["package"], row["version"], row.get("registry") or "pypi") for row in csv.DictReader(stream)
        ]
    for package in found:
        if package.registry not in REGISTRIES:
            raise ValueError(f"{card}: {package.name} is of {package.registry!r}; there are {', '.join(REGISTRIES)}.")
    return found


def download(packages: Iterable[Pinned], folder: Path) -> list[Pinned]:
    """Fetch packages that are not there yet; returns those that cannot be had. Nothing of theirs is built or run."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, list[Pinned]] = defaultdict(list)
    for package in packages:
        if package.name != STDLIB and file_of(package, folder) is None:
            wanted[package.registry].append(package)
    missing: list[Pinned] = []
    for registry, some in wanted.items():
        client = _CLIENTS.get(registry)
        if client and shutil.which(client) is None:
            _log.warning("%s is not installed: %d packages of its registry are left out", client, len(some))
            missing += some
        elif not _fetched(registry, some, folder):  # all at once: much of the time is a client's start
            missing += [package for package in some if not _fetched(registry, [package], folder)]
    for package in missing:
        _log.warning("%s is left out: no archive of it", package.requirement)
    return missing


def file_of(package: Pinned, folder: Path) -> Path | None:
    """The archive of a package at its version, None when it is not there; of several files the one with the code."""
    if package.registry in _DEBIAN:
        return next(iter(debian.archives_of(package.registry, package.name, package.version, folder)), None)
    version = re.escape(package.version) or r"\d[^-]*"
    ending = r"-.*\.whl" if package.registry == "pypi" else r"\.tgz" if package.version else r".*\.tgz"
    pattern = re.compile(f"{re.escape(package.stem)}-{version}{ending}")
    return next((path for path in sorted(folder.iterdir()) if pattern.fullmatch(_folded(path, package))), None)


def _folded(path: Path, package: Pinned) -> str:
    name, dash, rest = path.name.partition("-")
    return f"{name.lower()}{dash}{rest}" if package.registry == "pypi" else path.name


def _fetched(registry: str, packages: Sequence[Pinned], folder: Path) -> bool:
    requirements = [package.requirement for package in packages]
    if registry in _DEBIAN:
        return debian.fetch(registry, requirements, folder)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    if registry == "npm":
        npm = shutil.which("npm") or "npm"  # a script with an ending of its own on Windows
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    return subprocess.run([*command, *requirements], check=False, capture_output=True).returncode == 0


def read_package(package: Pinned, folder: Path) -> Iterator[SourceFile]:
    """Source files of a downloaded package, none when it is not there."""
    if package.registry in _DEBIAN:
        yield from read_debian(package, folder)
    elif archive := file_of(package, folder):
        yield from read_wheel(archive) if package.registry == "pypi" else read_tarball(archive)


def read_wheel(wheel: Path) -> Iterator[SourceFile]:
    """Python files of a wheel, with the licence family its metadata states ("" when not permissive)."""
    package = wheel.name.split("-")[0].lower()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        licence = permissive_family(message_from_bytes(archive.read(metadata)))
        for name in names:
            if name.endswith(".py") and not _VENDORED.search(name):
                text = _decoded(archive.read(name))
                if text is not None:
                    yield SourceFile(package, name, text, licence)


def read_folder(folder: Path, package: str, licence: str) -> Iterator[SourceFile]:
    """Python files below `folder`, in the order of their paths."""
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder).as_posix()
        if "site-packages" in path.parts or _VENDORED.search(relative):
            continue
        text = _decoded(path.read_bytes())
        if text is not None:
            yield SourceFile(package, relative, text, licence)


def read_tarball(tarball: Path) -> Iterator[SourceFile]:
    """Source files of an npm package that no build made, with the licence family its package.json states."""
    with tarfile.open(tarball) as archive:
        members = {member.name: member for member in archive if member.isfile() and member.size <= debian.LARGEST_FILE}
        about = next((name for name in members if re.fullmatch(r"[^/]+/package\.json", name)), None)
        stream = archive.extractfile(members[about]) if about else None
        stated = json.loads(stream.read()) if stream else {}
        licence = stated.get("license")
        family = family_of_expression(licence) if isinstance(licence, str) else ""
        for name, member in members.items():
            path = name.partition("/")[2]
            if not language_of(path) or _VENDORED.search(path) or _BUILT.search(path):
                continue
            content = archive.extractfile(member)
            text = _decoded(content.read()) if content else None
            if text is not None:
                package = str(stated.get("name", ""))
                yield SourceFile(package, f"{package}/{path}", text, family)


def read_debian(package: Pinned, folder: Path) -> Iterator[SourceFile]:
    """Source files of a package of Debian, with the licence family that it states for each."""
    archives = debian.archives_of(package.registry, package.name, package.version, folder)
    try:
        files = list(debian.read(archives)) if archives else []
    except debian.UNREADABLE as error:
        _log.warning("%s is left out: %s", " and ".join(path.name for path in archives), error)
        return
    for path, raw, family in files:
        if language_of(path) and not _VENDORED.search(path) and not _BUILT.search(path):
            text = _decoded(raw)
            if text is not None:
                yield SourceFile(package.name, f"{package.name}/{path}", text, family)


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
