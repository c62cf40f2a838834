"""Environments of the evaluated packages: the libraries that each depends on, at pinned versions, without itself.

`python -m tests.eval.environments` installs those that are missing with pip into `.cache/eval/environments/`; all other
modules only read them. Nothing of them is ever run or imported. `environments.toml` pins what pip chose for the pinned
version of each package, for Python 3.11 on Linux. Start at `find_environment`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.eval.data import CACHE, WHEEL_FOR, DataError, Package, list_applications, list_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

PINS = Path(__file__).with_name("environments.toml")
FOLDER = CACHE / "environments"
PACKAGES = Path("lib", "python3.11", "site-packages")
NEWER = ("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64", "--abi", "cp311")


def find_environment(package: Package) -> Path:
    """Return the folder of the environment of `package`, laid out as a virtual environment.

    Raises:
        DataError: it is not installed.
    """
    folder = FOLDER / f"{package.name}-{package.version}"
    if not (folder / "pyvenv.cfg").is_file():
        raise DataError(f"{package.name} has no environment in {FOLDER}: run `python -m tests.eval.environments` once.")
    return folder


def read_pins() -> dict[str, list[str]]:
    """Return the pinned dependencies of each package, as "name==version", by "name==version" of the package."""
    table = tomllib.loads(PINS.read_text(encoding="utf-8"))
    return {each["package"]: each["dependencies"] for each in table["environment"]}


def install(package: Package, dependencies: Sequence[str]) -> Path:
    """Install `dependencies` into the environment of `package` unless it exists; return its folder.

    Its standard library is that of the Python that runs this.

    Raises:
        DataError: pip could not install them.
    """
    folder = FOLDER / f"{package.name}-{package.version}"
    if (folder / "pyvenv.cfg").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / PACKAGES
    target.mkdir(parents=True)
    if dependencies:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
        ]
        command += [*WHEEL_FOR, *NEWER, "--target", str(target), *dependencies]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DataError(f"pip could not install what {package.name} needs: {done.stderr.strip()}")
    home = Path(sys.base_prefix, "bin")
    version = ".".join(map(str, sys.version_info[:3]))
    (folder / "pyvenv.cfg").write_text(f"home = {home}\nversion = {version}\n", encoding="utf-8")
    return folder


def main() -> int:
    """Install all environments, and print the folder of each; return the exit status."""
    pins = read_pins()
    for package in [*list_packages(), *list_applications()]:
        dependencies = pins.get(f"{package.name}=={package.version}")
        if dependencies is None:
            continue
        try:
            print(f"{package.name} {package.version}: {install(package, dependencies)}")
        except DataError as problem:
            print(problem, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
