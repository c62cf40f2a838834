"""Packages of Debian: C, Go, Java and Rust, which PyPI and npm have no place for.

Two kinds: "debian-source" is the archive that upstream published, with Debian's packaging beside it; "debian" is a
package that installs sources for others to build with, as those of Rust's crates do. Fetched by `apt-get`, source
packages with lists and settings of its own, so that the machine's stay as they are and nobody needs to be root. Nothing
is unpacked to disk, patched or built. Licences are read file by file from `debian/copyright`
(https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/). Start at `fetch` and `read`.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import subprocess
import tarfile
import zlib
from email import message_from_string
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from models.training.licences import family_of_expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

BINARY, SOURCE = "debian", "debian-source"
UNREADABLE = (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error, subprocess.CalledProcessError)
LARGEST_FILE = 1 << 20
_LISTS = ".apt"
_CRATE = "usr/share/cargo/registry/"
_COPYRIGHT = re.compile(r"debian/copyright|usr/share/doc/[^/]+/copyright")
_FORMAT = "copyright-format/1.0"
_UNCLEAR = re.compile(r"""[][{}\\,"'\ufffd]""")  # no patterns of that format; what it escapes; what is not UTF-8


def fetch(kind: str, requirements: Sequence[str], folder: Path) -> bool:
    """Download packages ("name" or "name=version") into `folder`; False when one of them cannot be had."""
    if kind == BINARY:
        return _apt(["download", *requirements], folder).returncode == 0
    settings = _settings(folder.resolve() / _LISTS)
    return _apt(["source", "--download-only", *requirements], folder, settings).returncode == 0


@cache  # one try in a process, whatever becomes of it; the next one tries anew
def _settings(lists: Path) -> Mapping[str, object]:
    """What `apt-get` needs to know source packages, with the lists of today kept in the folder `lists`."""
    settings = {
        "Dir::Etc::SourceList": lists / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": lists / "lists",
        "Dir::Cache": lists / "cache",
    }
    for part in ("lists/partial", "cache/archives/partial"):
        (lists / part).mkdir(parents=True, exist_ok=True)
    form = "deb-src $(SITE) $(RELEASE) $(COMPONENT)"
    known = _apt(["indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"], lists)
    if known.stdout:  # nothing where the machine's own lists are cleaned away
        (lists / "sources.list").write_text("".join(sorted(set(known.stdout.splitlines(keepends=True)))), "utf-8")
    _apt(["update"], lists, settings)
    return settings


def archives_of(kind: str, name: str, version: str, folder: Path) -> list[Path]:
    """Files of a package: [.deb] or [upstream's archive, Debian's]; [] when it is not there. `version` "" takes any."""
    plain = re.escape(version.partition(":")[2] or version) if version else r"[^_]+"  # names are without the epoch
    if kind == BINARY:
        pattern = re.compile(rf"{re.escape(name)}_(\d+%3a)?{plain}_\w+\.deb")
        return [path for path in sorted(folder.iterdir()) if pattern.fullmatch(path.name)][:1]
    pattern = re.compile(rf"{re.escape(name)}_({plain})\.debian\.tar\.\w+")
    paths = sorted(folder.iterdir())
    ours = next((found for path in paths if (found := pattern.fullmatch(path.name))), None)
    if ours is None:
        return []
    upstream = f"{name}_{ours[1].rpartition('-')[0]}.orig.tar."
    origins = (path for path in paths if path.name.startswith(upstream) and path.suffix != ".asc")
    return [origin, folder / ours[0]] if (origin := next(origins, None)) else []


def read(archives: Sequence[Path]) -> Iterator[tuple[str, bytes, str]]:
    """Path, content and licence family ("" when not permissive) of each file of what `archives_of` found.

    Paths are below upstream's top folder. Raises one of `UNREADABLE` before anything of a broken archive is given.
    """
    if len(archives) == 1:
        contents = dict(_members(_opened(archives[0])))
        files = {path.removeprefix(_CRATE): raw for path, raw in contents.items() if path.startswith(_CRATE)}
        below_top = True
    else:
        files = dict(_members(tarfile.open(archives[0])))  # noqa: SIM115 - closed by `_members`
        contents = dict(_members(tarfile.open(archives[1])))  # noqa: SIM115 - the same
        below_top = len({path.partition("/")[0] for path in files} - {"."}) == 1  # as `dpkg-source` has it
    licences = _licences(next((raw for path, raw in contents.items() if _COPYRIGHT.fullmatch(path)), b""))
    for name, raw in files.items():
        path = name.partition("/")[2] if below_top else name
        if path and raw:
            yield path, raw, _family_of(path, licences)


def _opened(package: Path) -> tarfile.TarFile:
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, capture_output=True)
    return tarfile.open(fileobj=io.BytesIO(unpacked.stdout))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Path and content of all that is in an archive, b"" for what is no file or a large one."""
    with archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and member.size <= LARGEST_FILE else None
            yield member.name.removeprefix("./"), stream.read() if stream else b""


def _licences(raw: bytes) -> list[tuple[list[str], str]]:
    """Patterns of paths and licence expression of each paragraph of `debian/copyright`.

    [] where it is free text, and where it is not sure which files a paragraph means: one paragraph that is overlooked
    would leave its files to the licence of the rest.
    """
    text = re.sub(r"^#.*\n", "", raw.decode("utf-8", "replace").replace("\r\n", "\n"), flags=re.MULTILINE).strip()
    text = re.sub(r"\n\s*\n(?=[ \t])", "\n", text)  # an empty line inside a field
    paragraphs = [message_from_string(paragraph) for paragraph in re.split(r"\n\s*\n", text)]
    fields = [[name.lower() for name in paragraph] for paragraph in paragraphs]
    found = [
        (paragraph["Files"].split(), paragraph.get("License", "").partition("\n")[0])
        for paragraph in paragraphs
        if "Files" in paragraph
    ]
    if (
        _FORMAT not in paragraphs[0].get("Format", "")
        or any(paragraph.get_payload() for paragraph in paragraphs)  # what is no field
        or any(len(names) > len(set(names)) for names in fields)  # two paragraphs run together
        or any("*" in patterns for patterns, _ in found[1:])  # would overrule all before it
        or any(_UNCLEAR.search(pattern) for patterns, _ in found for pattern in patterns)
    ):
        return []
    return found


def _family_of(path: str, licences: Sequence[tuple[list[str], str]]) -> str:
    """The last paragraph that names a path counts; `*` stands for slashes, too."""
    for patterns, expression in reversed(licences):
        plain = [re.sub(r"^\.?/|/$", "", pattern) for pattern in patterns]
        if any(fnmatchcase(path, pattern) for pattern in plain):
            return family_of_expression(expression)
        if any(fnmatchcase(path, f"{pattern}/*") for pattern in plain):
            return ""  # a folder, which the format has no word for
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
