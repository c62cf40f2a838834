"""Packages of Debian: C, Go, Java and Rust, which PyPI and npm have no place for.

Two kinds: "debian-source" is the archive that upstream published, with Debian's packaging beside it; "debian" is a
package that installs sources for others to build with, as those of Rust's crates do. Fetched by `apt-get`, source
packages with lists and settings of its own, so that the machine's stay as they are and nobody needs to be root. Nothing
is unpacked to disk, patched or built. Licences are read file by file from `debian/copyright`
(https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/). Start at `fetch` and `read`.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from email import message_from_string
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from models.training.licences import family_of_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

BINARY, SOURCE = "debian", "debian-source"
_LARGEST_FILE = 1 << 20
_LISTS = ".apt"
_CRATE = "usr/share/cargo/registry/"
_COPYRIGHT = re.compile(r"debian/copyright|usr/share/doc/[^/]+/copyright")


def fetch(kind: str, requirements: Sequence[str], folder: Path) -> bool:
    """Download packages ("name" or "name=version") into `folder`; False when one of them cannot be had."""
    if kind == BINARY:
        return _apt(["download", *requirements], folder).returncode == 0
    lists = folder.resolve() / _LISTS
    settings = {
        "Dir::Etc::SourceList": lists / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": lists / "lists",
        "Dir::Cache": lists / "cache",
    }
    if not (lists / "sources.list").exists():
        for part in ("lists/partial", "cache/archives/partial"):
            (lists / part).mkdir(parents=True, exist_ok=True)
        form = "deb-src $(SITE) $(RELEASE) $(COMPONENT)"
        known = _apt(["indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"], folder)
        (lists / "sources.list").write_text("".join(sorted(set(known.stdout.splitlines(keepends=True)))), "utf-8")
        _apt(["update"], folder, settings)
    return _apt(["source", "--download-only", *requirements], folder, settings).returncode == 0


def archives_of(kind: str, name: str, version: str, folder: Path) -> list[Path]:
    """Files of a package: [.deb] or [upstream's archive, Debian's]; [] when it is not there. `version` "" takes any."""
    plain = re.escape(version.partition(":")[2] or version) if version else r"[^_]+"  # names are without the epoch
    if kind == BINARY:
        pattern = re.compile(rf"{re.escape(name)}_(\d+%3a)?{plain}_\w+\.deb")
        return [path for path in sorted(folder.iterdir()) if pattern.fullmatch(path.name)][:1]
    pattern = re.compile(rf"{re.escape(name)}_({plain})\.debian\.tar\.\w+")
    for path in sorted(folder.iterdir()):
        if found := pattern.fullmatch(path.name):
            upstream = f"{name}_{found[1].rpartition('-')[0]}.orig.tar."
            origins = [
                other
                for other in sorted(folder.iterdir())
                if other.name.startswith(upstream) and not other.name.endswith(".asc")
            ]
            return [origins[0], path] if origins else []
    return []


def read(archives: Sequence[Path]) -> Iterator[tuple[str, bytes, str]]:
    """Path, content and licence family ("" when not permissive) of each file of what `archives_of` found.

    Paths are below upstream's top folder.
    """
    if len(archives) == 1:
        contents = dict(_members(_opened(archives[0])))
        files = {path.removeprefix(_CRATE): raw for path, raw in contents.items() if path.startswith(_CRATE)}
    else:
        files = dict(_members(tarfile.open(archives[0])))  # noqa: SIM115 - closed by `_members`
        contents = dict(_members(tarfile.open(archives[1])))  # noqa: SIM115 - the same
    licences = _licences(next((raw for path, raw in contents.items() if _COPYRIGHT.fullmatch(path)), b""))
    for path, raw in files.items():
        below = path.partition("/")[2]
        if below:
            yield below, raw, _family_of(below, licences)


def _opened(package: Path) -> tarfile.TarFile:
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, capture_output=True)
    return tarfile.open(fileobj=io.BytesIO(unpacked.stdout))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    with archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and 0 < member.size <= _LARGEST_FILE else None
            if stream is not None:
                yield member.name.removeprefix("./"), stream.read()


def _licences(raw: bytes) -> list[tuple[list[str], str]]:
    """Patterns of paths and licence expression of each paragraph of `debian/copyright`, [] where it is free text."""
    text = raw.decode("utf-8", "replace").strip()
    paragraphs = [message_from_string(paragraph) for paragraph in re.split(r"\n[ \t]*\n", text)]
    if "Format" not in paragraphs[0]:
        return []
    return [
        (paragraph["Files"].split(), paragraph.get("License", "").partition("\n")[0])
        for paragraph in paragraphs
        if "Files" in paragraph
    ]


def _family_of(path: str, licences: Sequence[tuple[list[str], str]]) -> str:
    """The last paragraph that names a path counts; `*` stands for slashes, too."""
    for patterns, expression in reversed(licences):
        if any(fnmatchcase(path, pattern.removeprefix("./")) for pattern in patterns):
            return family_of_expression(re.sub(r"\b(and|or)\b", lambda word: word[0].upper(), expression))
    return ""


def _apt(
    command: Sequence[str], folder: Path, settings: Mapping[str, object] | None = None
) -> subprocess.CompletedProcess[str]:
    options = [part for name, value in (settings or {}).items() for part in ("-o", f"{name}={value}")]
    return subprocess.run(
        ["apt-get", "-qq", *options, *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
    )
