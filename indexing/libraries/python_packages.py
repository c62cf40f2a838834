"""Python: the environment of a workspace, the packages installed in it, and the standard library.

Reads `pyvenv.cfg` and the `*.dist-info` folders of `site-packages`; runs no interpreter and follows no `.pth` file. A
package installed in editable mode is code of a workspace and is left out. Start at `find_python_packages`.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sysconfig
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.libraries.packages import (
    MOST_FILES,
    PYPI,
    STDLIB,
    Package,
    is_file,
    is_folder,
    list_above,
    normalize_name,
    walk_files,
)
from indexing.workspace.files import TooDeepError, read_text, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STDLIB_TESTS = "stdlib-tests"
_ENDINGS = (".py", ".pyi")
_FOLDERS = (".venv", "venv", ".env", "env", ".virtualenv")
_PROJECT_FILES = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "environment.yml",
    "tox.ini",
)
_STUBS = "-stubs"  # at the end of the folder of a package that holds the types of another one
_RECORD_BYTES = 8_000_000
_METADATA_BYTES = 1_000_000
_CONFIG_BYTES = 10_000
_MOST_PACKAGES = 2_000
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_OWN_FILES = re.compile(r"^(__editable__|_distutils_hack|distutils-precedence|_virtualenv)")
_TESTS = re.compile(r"(^|/)(tests?|idle_test)(/|$)")


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """An environment of Python.

    Attributes:
        folder: its folder; that of the standard library if there is no environment.
        site_packages: folders with installed packages.
        stdlib: folder of the standard library; None if it is not known.
        version: version of Python, as far as it is known.
    """

    folder: Path
    site_packages: tuple[Path, ...]
    stdlib: Path | None
    version: str


def find_environment(root: Path, environ: Mapping[str, str]) -> PythonEnvironment | None:
    """Return the environment of the workspace folder `root`; None without one, unless it is a Python project.

    Looks in `root` and the folders above it up to that of its repository, then at the active environment in `environ`
    (`VIRTUAL_ENV`, `CONDA_PREFIX`). A Python project without an environment gets the standard library that Starling
    itself runs on.
    """
    for folder in _list_folders(root, environ):
        if (found := read_environment(folder)) is not None:
            return found
    if any(is_file(root / name) for name in _PROJECT_FILES):
        stdlib = Path(sysconfig.get_path("stdlib"))
        return PythonEnvironment(stdlib, (), stdlib, sysconfig.get_python_version())
    return None


def _list_folders(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders that may be the environment of `root`, nearest first."""
    for folder in list_above(root):
        yield from (folder / name for name in _FOLDERS)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if (value := environ.get(name, "")) and Path(value).is_absolute():
            yield Path(value)


def read_environment(folder: Path) -> PythonEnvironment | None:
    """Return the environment in `folder`; None if there is none."""
    config = _read_config(folder / "pyvenv.cfg")
    if not config and not is_folder(folder / "conda-meta"):
        return None
    libraries = sorted(folder.glob("lib/python3.*")) or [folder / "Lib"]
    packages = tuple(path for library in libraries if is_folder(path := library / "site-packages"))
    version = config.get("version", config.get("version_info", ""))
    if not config:
        return PythonEnvironment(folder, packages, _check_stdlib(libraries[-1]), libraries[-1].name)
    home = Path(config.get("home", ""))
    stdlib = None
    if home.is_absolute():
        minor = "".join(version.split(".")[1:2])
        names = dict.fromkeys((*(each.name for each in libraries), f"python3.{minor}"))
        places = [home.parent / "lib" / name for name in names] + [home / "Lib", home.parent / "Lib"]
        stdlib = next((place for place in places if _check_stdlib(place) is not None), None)
    return PythonEnvironment(folder, packages, stdlib, version)


def _read_config(path: Path) -> dict[str, str]:
    """Return the settings of a `pyvenv.cfg`; empty if it cannot be read."""
    try:
        lines = read_text(path, _CONFIG_BYTES).splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key.strip().lower(): value.strip() for key, mark, value in pairs if mark}


def _check_stdlib(folder: Path) -> Path | None:
    """Return `folder` if it holds a standard library of Python, else None."""
    held = ("os.py", "site.py", "abc.py", "functools.py")
    return folder if all(is_file(folder / name) for name in held) else None


def find_python_packages(environment: PythonEnvironment) -> list[Package]:
    """Return the packages that are installed in `environment`, the standard library first, its tests last."""
    packages: list[Package] = []
    if environment.stdlib is not None:
        packages.append(_make_stdlib(STDLIB, environment.stdlib, environment.version))
    for folder in environment.site_packages:
        described = map(read_distribution, sorted(folder.glob("*.dist-info"))[:_MOST_PACKAGES])
        packages += [package for package in described if package is not None]
    if environment.stdlib is not None:
        packages.append(_make_stdlib(STDLIB_TESTS, environment.stdlib, environment.version))
    return packages


def _make_stdlib(name: str, folder: Path, version: str) -> Package:
    """Return the standard library in `folder`: its code (`STDLIB`) or its tests (`STDLIB_TESTS`)."""
    wants_tests = name == STDLIB_TESTS

    def is_left_out(relative: str) -> bool:
        """Return whether the folder `relative` is no part of the standard library, or of the other package."""
        top = relative.partition("/")[0]
        if top in {"site-packages", "dist-packages", "lib-dynload", "ensurepip"} or top.startswith("config-"):
            return True
        return name == STDLIB and _TESTS.search(relative) is not None

    files = walk_files(folder, _ENDINGS, is_left_out=is_left_out)
    files = tuple(each for each in files if (_TESTS.search(each.rpartition("/")[0]) is not None) == wants_tests)
    modules = map(_find_module, files)
    return Package(PYPI, name, version, folder, files, tuple(sorted(set(modules))))


def read_distribution(info: Path) -> Package | None:
    """Return the package that the `*.dist-info` folder `info` describes; None if it is editable or cannot be read."""
    try:
        head = HeaderParser().parsestr(_read_head(info / "METADATA"))
    except (OSError, ValueError):
        return None
    name, version = str(head.get("Name", "")).strip(), str(head.get("Version", "")).strip()
    if not name or _is_editable(info):
        return None
    files = tuple(sorted(_read_record(info)))
    if not files:
        return None
    modules = sorted(set(map(_find_module, files)))
    requires = (_NAME.match(str(each)) for each in head.get_all("Requires-Dist", []) if "extra ==" not in str(each))
    needed = tuple(dict.fromkeys(normalize_name(found[1]) for found in requires if found))
    return Package(PYPI, normalize_name(name), version, info.parent, files, tuple(modules), needed)


def _find_module(relative: str) -> str:
    """Return the top module that the file `relative` of a package is part of, or whose types it holds."""
    return relative.partition("/")[0].removesuffix(".pyi").removesuffix(".py").removesuffix(_STUBS)


def _read_head(path: Path) -> str:
    """Return the head of a METADATA file, without the long description."""
    return read_text(path, _METADATA_BYTES).replace("\r\n", "\n").partition("\n\n")[0]


def _is_editable(info: Path) -> bool:
    """Return whether the package of `info` is installed in editable mode."""
    try:
        described = json.loads(read_text(info / "direct_url.json", _CONFIG_BYTES))
        return bool(described["dir_info"]["editable"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _read_record(info: Path) -> Iterator[str]:
    """Yield the source files that the RECORD of `info` lists, as paths relative to the folder around `info`.

    Without a RECORD, yields the files of the modules in `top_level.txt`.
    """
    try:
        lines = read_text(info / "RECORD", _RECORD_BYTES).splitlines()
    except (OSError, ValueError):
        yield from _walk_top_level(info)
        return
    count = 0
    try:
        for row in csv.reader(lines):
            relative = row[0].replace("\\", "/") if row else ""
            parts = relative.split("/")
            if not relative.endswith(_ENDINGS) or ".." in parts or "" in parts or parts[0].endswith(".dist-info"):
                continue
            if ":" in relative or _OWN_FILES.match(relative):
                continue
            count += 1
            if count > 2 * MOST_FILES:
                return
            yield relative
    except csv.Error:
        return


def _walk_top_level(info: Path) -> Iterator[str]:
    """Yield the source files of the modules that `top_level.txt` of `info` names."""
    try:
        names = read_text(info / "top_level.txt", _CONFIG_BYTES).split()
    except (OSError, ValueError):
        return
    for name in names:
        if not name.isidentifier():
            continue
        if is_file(info.parent / f"{name}.py"):
            yield f"{name}.py"
        yield from (f"{name}/{each}" for each in walk_files(info.parent / name, _ENDINGS))


def read_declared_names(root: Path) -> tuple[str, set[str]]:
    """Return the name of the Python project in `root`, "" for none, and the names of the packages that it declares."""
    try:
        tables = read_toml(root / "pyproject.toml", bounds.CONFIGURATION_BYTES)
    except (OSError, ValueError, TooDeepError):
        tables = {}
    project = tables.get("project")
    project = project if isinstance(project, dict) else {}
    lines = _list_texts(project.get("dependencies"))
    for group in (project.get("optional-dependencies"), tables.get("dependency-groups")):
        lines += [text for each in (group.values() if isinstance(group, dict) else ()) for text in _list_texts(each)]
    poetry = tables.get("tool", {}).get("poetry") if isinstance(tables.get("tool"), dict) else None
    if isinstance(poetry, dict) and isinstance(poetry.get("dependencies"), dict):
        lines += [str(name) for name in poetry["dependencies"]]
    for path in sorted(root.glob("requirements*.txt"))[:10]:
        try:
            lines += read_text(path, bounds.CONFIGURATION_BYTES).splitlines()
        except (OSError, ValueError):
            continue
    names = {normalize_name(found[1]) for line in lines if (found := _NAME.match(line))}
    return normalize_name(str(project.get("name", ""))), names


def _list_texts(value: object) -> list[str]:
    """Return the texts in the list `value`; empty if it is no list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def list_watched(environment: PythonEnvironment) -> list[Path]:
    """Return the folders that change when a package is installed in `environment` or removed from it."""
    return [Path(os.path.realpath(folder)) for folder in environment.site_packages]
