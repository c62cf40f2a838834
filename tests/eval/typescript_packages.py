"""npm packages with TypeScript source, and the compiler that says what their calls mean: pinned, fetched once, cached.

`make eval-data` runs this file after `data.py`; it needs npm. The packages are only read; none is installed, built or
run. Start at `list_packages`.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from indexing.syntax import languages
from tests.eval import reviewed_packages
from tests.eval.data import DataError

PINS = Path(__file__).with_name("typescript_packages.toml")


@dataclass(frozen=True)
class TypeScriptPackage:
    """A pinned npm package.

    Attributes:
        name: name in the registry.
        version: exact version.
        sha256: hash of the tarball in hexadecimal.
        split: "dev" for tuning, "test" for reports; "" for the compiler.
        source: folder of its own code.
    """

    name: str
    version: str
    sha256: str
    split: str = ""
    source: str = ""

    @property
    def archive(self) -> reviewed_packages.Reviewed:
        """The pinned tarball."""
        return reviewed_packages.Reviewed(self.name, self.version, "npm", self.sha256)

    @property
    def root(self) -> Path:
        """Folder of the unpacked package, as a person would open it as the workspace."""
        return self.archive.root

    def list_files(self) -> list[Path]:
        """Return the package's TypeScript files but tests and declarations, sorted.

        Raises:
            DataError: the package has not been fetched yet.
        """
        if not self.root.is_dir():
            raise DataError(f"{self.name} {self.version} is not in {self.root}: run `make eval-data` once.")
        return sorted(path for path in (self.root / self.source).rglob("*.ts") if is_source(path))


def is_source(path: Path) -> bool:
    """Return whether `path` is a TypeScript file with code to be searched: neither a declaration file nor a test."""
    return (
        languages.detect(path) == "typescript"
        and not path.name.endswith(".d.ts")
        and not path.name.endswith((".test.ts", ".spec.ts"))
        and "__tests__" not in path.parts
    )


def list_packages(split: str | None = None) -> list[TypeScriptPackage]:
    """Return the pinned packages, all or those of one split ("dev", "test")."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))["package"]
    found = [TypeScriptPackage(**pin) for pin in pins]
    return [package for package in found if split is None or package.split == split]


def find_compiler() -> TypeScriptPackage:
    """Return the pinned compiler."""
    return TypeScriptPackage(**tomllib.loads(PINS.read_text(encoding="utf-8"))["compiler"])


def main() -> int:
    """Fetch the compiler and all packages, and print the folder of each; return the exit status."""
    for wanted in (find_compiler(), *list_packages()):
        try:
            reviewed_packages.prepare(wanted.archive)
        except (DataError, OSError) as problem:
            print(f"{problem} It is fetched with npm, which comes with Node.", file=sys.stderr)
            return 1
        print(f"{wanted.split:4}  {wanted.name} {wanted.version} in {wanted.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
