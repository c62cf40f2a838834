"""Places of Rust modules: `a.rs` and `a/mod.rs`, the root of a crate, crates of a workspace and of the registry.

Reads `Cargo.toml` through `Paths.read_text` alone; what is malformed counts as absent. Start at `locate`.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from indexing.resolution.paths import FileKey, Paths

_ROOTS = ("lib.rs", "main.rs")
_OWN_ROOTS = frozenset({"bin", "tests", "examples", "benches"})  # folders in which each file is a crate
_LARGEST = 100_000  # characters of a `Cargo.toml` that is read
_MOST_CRATES = 200  # of one root
_MOST_FILES = 200  # of one folder
_MOST_NAMED = 8  # modules of the same name
_DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies")


def locate(module: str, relative: str, paths: Paths) -> Sequence[FileKey]:
    """Return the key of the file of the module with the path `module` ("crate.a.b"); () if it is in no known file.

    Args:
        module: the path, with dots.
        relative: path of the file that names it in the root of `paths`; "" if it is in another root.
        paths: the files of one root.
    """
    first, *rest = module.split(".")
    at = _find_start(first, relative, paths)
    while at is not None and first == "super" and rest[:1] == ["super"]:
        at = find_parent(at, paths)
        del rest[0]
    for name in rest:
        at = _find_child(at, name, paths) if at is not None else None
    key = paths.find(at) if at is not None else None
    return (key,) if key is not None else ()


def _find_start(first: str, relative: str, paths: Paths) -> str | None:
    """Return the file that the first part of a path names; None if there is none. Arguments as in `locate`."""
    if not relative:
        return _find_crate(first, paths) if first not in {"crate", "self", "super"} else None
    if first == "crate":
        return find_root(relative, paths)
    if first == "self":
        return relative
    if first == "super":
        return find_parent(relative, paths)
    return _find_child(relative, first, paths) or _find_declared(first, relative, paths)


def _find_child(at: str, name: str, paths: Paths) -> str | None:
    """Return the file of the module `name` in the module with the file `at`; None if there is none."""
    folder = find_folder(at)
    for path in (posixpath.join(folder, each) for each in (f"{name}.rs", f"{name}/mod.rs")):
        if path != at and paths.find(path) is not None:
            return path
    return None


def find_folder(at: str) -> str:
    """Return the folder in which the modules inside the module with the file `at` are."""
    folder, _, name = at.rpartition("/")
    if name in {*_ROOTS, "mod.rs"} or folder.rpartition("/")[2] in _OWN_ROOTS:
        return folder
    return at.removesuffix(".rs")


def find_parent(at: str, paths: Paths) -> str | None:
    """Return the file of the module around the one with the file `at`; None for the root of a crate."""
    folder, _, name = at.rpartition("/")
    if name in _ROOTS:
        return None
    if name == "mod.rs":
        folder = folder.rpartition("/")[0]
    beside = [posixpath.join(folder, each) for each in ("mod.rs", *_ROOTS)]
    return next((path for path in (f"{folder}.rs", *beside) if path != at and paths.find(path) is not None), None)


def find_root(relative: str, paths: Paths) -> str:
    """Return the file of the root of the crate that a file belongs to; the file itself if none is known."""
    folder, _, name = relative.rpartition("/")
    if name in _ROOTS or folder.rpartition("/")[2] in _OWN_ROOTS:
        return relative
    while True:
        for each in _ROOTS:
            if paths.find(path := posixpath.join(folder, each)) is not None:
                return path
        if not folder:
            return relative
        folder = folder.rpartition("/")[0]


def _find_declared(name: str, relative: str, paths: Paths) -> str | None:
    """Return the root of a crate that the nearest `Cargo.toml` declares, or of its own library; None for none."""
    home, table = _find_manifest(relative.rpartition("/")[0], paths)
    if not table:
        return _find_crate(name, paths) if paths.is_installed else None
    if _get_crate_name(table) == name:
        return _find_library(home, table, paths)
    for dependency, value in _iterate_dependencies(table):
        if dependency.replace("-", "_") != name:
            continue
        details = value if isinstance(value, dict) else {}
        if isinstance(details.get("path"), str):
            inside = posixpath.normpath(posixpath.join(home, details["path"]))
            return _find_library(inside, _read_manifest(posixpath.join(inside, "Cargo.toml"), paths), paths)
        package = details.get("package")
        return _find_crate(package.replace("-", "_") if isinstance(package, str) else name, paths)
    return None


def _find_manifest(folder: str, paths: Paths) -> tuple[str, Mapping[str, Any]]:
    """Return the nearest folder at or above `folder` with the `Cargo.toml` of a package, and its tables."""
    while True:
        table = _read_manifest(posixpath.join(folder, "Cargo.toml"), paths)
        if "package" in table or not folder:
            return folder, table
        folder = folder.rpartition("/")[0]


def _iterate_dependencies(table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the name and the details of each dependency that a `Cargo.toml` declares."""
    targets = table.get("target")
    tables = [table, *(targets.values() if isinstance(targets, dict) else ())]
    for each in tables:
        for key in _DEPENDENCIES:
            found = each.get(key) if isinstance(each, dict) else None
            yield from found.items() if isinstance(found, dict) else ()


def _find_crate(name: str, paths: Paths) -> str | None:
    """Return the root of the library crate `name` of a workspace, or of an installed one; None if there is none."""
    if paths.is_installed:
        candidates = [f"{name}/src/lib.rs", f"{name}/lib.rs"]
        return next((path for path in candidates if paths.find(path) is not None), None)
    for path in paths.find_ending("Cargo.toml")[:_MOST_CRATES]:
        table = _read_manifest(path, paths)
        if _get_crate_name(table) == name:
            return _find_library(path.rpartition("/")[0], table, paths)
    return None


def _get_crate_name(table: Mapping[str, Any]) -> str:
    """Return the name by which code uses the library of a `Cargo.toml`; "" if it describes no package."""
    for key in ("lib", "package"):
        found = table.get(key)
        name = found.get("name") if isinstance(found, dict) else None
        if isinstance(name, str):
            return name.replace("-", "_")
    return ""


def _find_library(home: str, table: Mapping[str, Any], paths: Paths) -> str | None:
    """Return the file of the library of the package in the folder `home`; None if it has none."""
    library = table.get("lib")
    written = library.get("path") if isinstance(library, dict) else None
    path = posixpath.normpath(posixpath.join(home, written if isinstance(written, str) else "src/lib.rs"))
    return path if paths.find(path) is not None else None


def _read_manifest(path: str, paths: Paths) -> Mapping[str, Any]:
    """Return the tables of the `Cargo.toml` at `path`; {} if there is none or it is malformed."""
    return _parse_manifest(paths.read_text(path)) if paths.find(path) is not None else {}


@lru_cache(maxsize=512)
def _parse_manifest(text: str) -> Mapping[str, Any]:
    """Return the tables of a TOML text; {} if it is malformed or too large."""
    if len(text) > _LARGEST:
        return {}
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def locate_named(name: str, paths: Paths) -> list[FileKey]:
    """Return the keys of the files of the modules that a person calls `name` ("shop", "app.shop"); [] for none."""
    found = list(locate(name, "", paths))
    tail = name.removeprefix("crate.").replace(".", "/")
    for ending in (f"{tail}.rs", f"{tail}/mod.rs"):
        found += [key for path in paths.find_ending(ending)[:_MOST_NAMED] if (key := paths.find(path)) is not None]
    return list(dict.fromkeys(found))


def locate_parts(relative: str, name: str, paths: Paths) -> list[FileKey]:
    """Return the keys of the files beside `relative`, and in its module, with an `impl` block for a type `name`."""
    wanted = re.compile(rf"\bimpl\b[^{{}};]{{0,300}}\b{re.escape(name)}\b")
    folder, inside = relative.rpartition("/")[0], find_folder(relative)
    found: list[FileKey] = []
    for home in dict.fromkeys((folder, inside)):
        for each in paths.list_names(home)[:_MOST_FILES]:
            path = posixpath.join(home, each)
            key = paths.find(path)
            if key is None or path == relative or not each.endswith(".rs"):
                continue
            if name in (text := paths.read_text(path)) and wanted.search(text):
                found.append(key)
    return found
