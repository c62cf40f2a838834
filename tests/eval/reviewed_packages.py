"""Packages whose review is judged: downloaded once at pinned versions from PyPI, npm and Debian, checked by hash.

`python -m tests.eval.reviewed_packages` downloads and unpacks them below `.cache/eval/reviewed/`. Needs `npm`, and
`apt-get` with Debian's archive. Never builds, installs or runs them. Start at `packages` and `prepare`.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from models.training import debian
from tests.eval.data import CACHE, DataError, hash_file

if TYPE_CHECKING:
    from collections.abc import Iterator

PINS = Path(__file__).with_name("reviewed_packages.toml")
FOLDER = CACHE / "reviewed"
INSTALLERS = re.compile(r"\.(dist-info|data)/")
MAX_UNPACKED_BYTES = 256 * 2**20
SOURCES = ("pypi", "npm", "debian", "deb")  # the last two: upstream's archive, and what Debian installs


@dataclass(frozen=True)
class Reviewed:
    """A pinned package.

    Attributes:
        name: name in its registry.
        version: exact version; for Debian with Debian's revision.
        source: registry, one of `SOURCES`.
        sha256: hash in hexadecimal of the archive with the code.
    """

    name: str
    version: str
    source: str
    sha256: str

    @property
    def root(self) -> Path:
        """Folder of the unpacked package, as a person would review it."""
        return FOLDER / f"{self.name.replace('/', '-').lstrip('@')}-{self.version.replace(':', '-')}"


def list_packages() -> list[Reviewed]:
    """Return the pinned packages, in the order of the file."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))["package"]
    return [Reviewed(**pin) for pin in pins]


def fetch(wanted: Reviewed, folder: Path) -> Path:
    """Download the archive of a package into the new folder `folder`; return its path.

    Raises:
        DataError: the package is not available.
    """
    folder.mkdir(parents=True, exist_ok=True)
    requirement = f"{wanted.name}=={wanted.version}"
    commands = {
        "pypi": [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", requirement],
        "npm": ["npm", "pack", "--silent", "--ignore-scripts", f"{wanted.name}@{wanted.version}"],
    }
    if kind := {"debian": debian.SOURCE, "deb": debian.BINARY}.get(wanted.source):
        debian.fetch(kind, [f"{wanted.name}={wanted.version}"], folder)
        found = debian.find_archives(kind, wanted.name, wanted.version, folder)[:1]
    else:
        subprocess.run(commands[wanted.source], cwd=folder, capture_output=True, check=False)
        found = [path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}]
    if not found:
        raise DataError(f"{wanted.name} {wanted.version} cannot be had from {wanted.source}.")
    return found[0]


def unpack(archive: Path, target: Path) -> None:
    """Unpack the regular files of a wheel or tar archive into `target`, without a common top folder; replace `target`.

    Raises:
        DataError: a name leads out of `target`, or the content is larger than that of any pinned package.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        room = MAX_UNPACKED_BYTES
        for name, content in _read_members(archive):
            relative = PurePosixPath(name)
            if relative.is_absolute() or ".." in relative.parts or "\\" in name:
                raise DataError(f"{archive.name} holds the unsafe name {name!r}.")
            if (room := room - len(content)) < 0:
                raise DataError(f"{archive.name} unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB.")
            path = Path(scratch, *relative.parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        inside = list(Path(scratch).iterdir())
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else Path(scratch)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(top, target)


def _read_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each regular file of an archive; of a wheel without the installer's files."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = [member.filename for member in wheel.infolist() if not member.is_dir()]
            yield from ((name, wheel.read(name)) for name in names if not INSTALLERS.search(name))
        return  # with the installer's files it would look like an environment, which the review leaves out
    with _open_archive(archive) as tar:
        for member in tar:
            if member.isreg() and (stream := tar.extractfile(member)):
                yield member.name, stream.read()


def _open_archive(archive: Path) -> tarfile.TarFile:
    """Open a tar archive, or the files that a .deb installs."""
    if archive.suffix != ".deb":
        return tarfile.open(archive)
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, capture_output=True)
    return tarfile.open(fileobj=io.BytesIO(unpacked.stdout))


def prepare(wanted: Reviewed, *, pinned: bool = True) -> str:
    """Download and unpack a package unless that has been done; return the hash of its archive.

    Raises:
        DataError: the package is not available, or, if `pinned`, its hash is not the pinned one.
    """
    stamp = wanted.root.with_name(f"{wanted.root.name}.sha256")
    if stamp.is_file() and (known := stamp.read_text(encoding="utf-8")) == wanted.sha256:
        return known
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        archive = fetch(wanted, Path(scratch))
        got = hash_file(archive)
        if pinned and got != wanted.sha256:
            raise DataError(f"{wanted.name} {wanted.version} from {wanted.source} is not what was pinned: {got}.")
        unpack(archive, wanted.root)
    stamp.write_text(got, encoding="utf-8")
    return got


def main() -> int:
    """Prepare all packages, and print the folder of each; return the exit status, 1 if any failed."""
    failed = False
    for wanted in list_packages():
        try:
            prepare(wanted)
        except DataError as problem:
            print(problem, file=sys.stderr)
            failed = True
        else:
            print(f"{wanted.source:6}  {wanted.name} {wanted.version} in {wanted.root}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
