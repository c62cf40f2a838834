"""Packages of Debian, for C, Go, Java and Rust, which PyPI and npm do not have.

There are two kinds: "debian-source" is the archive that upstream published, with Debian's packaging beside it; "debian"
is a package that installs sources for other builds, such as a Rust crate. `apt-get` downloads both; source packages
with separate lists and settings, so that those of the machine are unchanged and root is not needed. Nothing is
unpacked to disk, patched or built. Licences are read for each file from `debian/copyright`
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

from models.training.licences import find_expression_family

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
_UNCLEAR = re.compile(r"""[][{}\\,"'\ufffd]""")  # none of the format's patterns, escapes, or not UTF-8


def fetch(kind: str, requirements: Sequence[str], folder: Path) -> bool:
    """Download packages into `folder`; return whether all of them were available.

    Args:
        kind: `BINARY` or `SOURCE`.
        requirements: packages as "name" or "name=version".
        folder: folder for the archives.
    """
    if kind == BINARY:
        return _run_apt(["download", *requirements], folder).returncode == 0
    settings = _prepare_settings(folder.resolve() / _LISTS)
    return _run_apt(["source", "--download-only", *requirements], folder, settings).returncode == 0


@cache  # one attempt in each process
def _prepare_settings(lists: Path) -> Mapping[str, object]:
    """Download lists of source packages into the folder `lists`; return the settings of `apt-get` to use them."""
    settings = {
        "Dir::Etc::SourceList": lists / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": lists / "lists",
        "Dir::Cache": lists / "cache",
    }
    for part in ("lists/partial", "cache/archives/partial"):
        (lists / part).mkdir(parents=True, exist_ok=True)
    form = "deb-src $(SITE) $(RELEASE) $(COMPONENT)"
    listed = _run_apt(["indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"], lists)
    if listed.stdout:  # empty where the machine's own lists were deleted
        (lists / "sources.list").write_text("".join(sorted(set(listed.stdout.splitlines(keepends=True)))), "utf-8")
    _run_apt(["update"], lists, settings)
    return settings


def find_archives(kind: str, name: str, version: str, folder: Path) -> list[Path]:
    """Return the downloaded archives of a package: [.deb], or [upstream's archive, Debian's]; [] if any is missing.

    Args:
        kind: `BINARY` or `SOURCE`.
        name: name of the package.
        version: version to find; "" accepts any.
        folder: folder of the archives.
    """
    plain = re.escape(version.partition(":")[2] or version) if version else r"[^_]+"  # file names have no epoch
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
    """Yield path, content and licence family ("" if not permissive) of each file in `archives` of a package.

    `archives` comes from `find_archives`; paths are relative to upstream's top folder. Leaves out empty files, those
    above `LARGEST_FILE` bytes, and in a .deb everything outside of the crate.

    Raises:
        UNREADABLE: any of these errors, before the first file, if an archive is damaged.
    """
    if len(archives) == 1:
        contents = dict(_read_members(_open_package(archives[0])))
        files = {path.removeprefix(_CRATE): raw for path, raw in contents.items() if path.startswith(_CRATE)}
        below_top = True
    else:
        files = dict(_read_members(tarfile.open(archives[0])))  # noqa: SIM115 - closed by `_read_members`
        contents = dict(_read_members(tarfile.open(archives[1])))  # noqa: SIM115 - the same
        below_top = len({path.partition("/")[0] for path in files} - {"."}) == 1  # the rule of `dpkg-source`
    licences = _parse_copyright(next((raw for path, raw in contents.items() if _COPYRIGHT.fullmatch(path)), b""))
    for name, raw in files.items():
        path = name.partition("/")[2] if below_top else name
        if path and raw:
            yield path, raw, _find_family(path, licences)


def _open_package(package: Path) -> tarfile.TarFile:
    """Open the archive of the files that a .deb installs."""
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], check=True, capture_output=True)
    return tarfile.open(fileobj=io.BytesIO(unpacked.stdout))


def _read_members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each member of an archive, b"" for one that is no file or too large; close it."""
    with archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and member.size <= LARGEST_FILE else None
            yield member.name.removeprefix("./"), stream.read() if stream else b""


def _parse_copyright(raw: bytes) -> list[tuple[list[str], str]]:
    """Return the path patterns and the licence expression of each paragraph of `debian/copyright`.

    Returns [] for free text, and if the files of a paragraph are unclear: otherwise they would get the licence of the
    other paragraphs.
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
        or any(paragraph.get_payload() for paragraph in paragraphs)  # text that is no field
        or any(len(names) > len(set(names)) for names in fields)  # two paragraphs run together
        or any("*" in patterns for patterns, _ in found[1:])  # would override all before it
        or any(_UNCLEAR.search(pattern) for patterns, _ in found for pattern in patterns)
    ):
        return []
    return found


def _find_family(path: str, licences: Sequence[tuple[list[str], str]]) -> str:
    """Return the licence family of the file `path`; "" if it is unknown or not permissive.

    The last paragraph in `licences` with a matching pattern counts; `*` matches slashes too.
    """
    for patterns, expression in reversed(licences):
        plain = [re.sub(r"^\.?/|/$", "", pattern) for pattern in patterns]
        if any(fnmatchcase(path, pattern) for pattern in plain):
            return find_expression_family(expression)
        if any(fnmatchcase(path, f"{pattern}/*") for pattern in plain):
            return ""  # a pattern of a folder, which the format does not define
    return ""


def _run_apt(
    command: Sequence[str], folder: Path, settings: Mapping[str, object] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `apt-get COMMAND` in `folder`, with `settings` as options and English output; return the finished process."""
    options = [part for name, value in (settings or {}).items() for part in ("-o", f"{name}={value}")]
    return subprocess.run(
        ["apt-get", "-qq", *options, *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
    )
