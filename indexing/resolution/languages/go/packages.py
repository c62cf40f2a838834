"""Places of Go packages: the module path in `go.mod`, `vendor` folders, and the files of one folder.

Reads texts through `Paths.read_text` alone. Start at `locate`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from indexing.syntax.languages.language import parse_kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexing.resolution.paths import FileKey, Paths

_MODULE = re.compile(r"^module[ \t]+\"?([^\s\"]+)", re.MULTILINE)
_PACKAGE = re.compile(r"^package[ \t]+(\w+)", re.MULTILINE)
_HEAD = 20_000  # characters in which the package clause is looked for
_MOST_MODULES = 100  # of one root
_MOST_NAMED = 8  # packages of the same name
_MOST_FILES = 200  # of one package
_MOST_TRIED = 20  # files of a folder that are looked at to find one that others can import
_PREDECLARED = parse_kinds(
    "any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint"
    " uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy delete imag len make"
    " max min new panic print println real recover list dict chan tuple Callable"
)
_TEST = "_test.go"


def locate(module: str, relative: str, paths: Paths) -> Sequence[FileKey]:
    """Return the key of a file of the package with the path `module`; () if it is in no known folder.

    Args:
        module: the path as an import writes it.
        relative: path of the importing file in the root of `paths`; "" if it is in another root.
        paths: the files of one root.
    """
    if paths.is_installed:
        return _choose_file(module, paths)
    return next(
        (found for each in _iterate_folders(module, relative, paths) if (found := _choose_file(each, paths))), ()
    )


def _iterate_folders(module: str, relative: str, paths: Paths) -> Iterator[str]:
    """Yield the folders that can hold the package with the path `module`; arguments as in `locate`."""
    folder = relative.rpartition("/")[0]
    while folder:
        yield f"{folder}/vendor/{module}"
        folder = folder.rpartition("/")[0]
    yield f"vendor/{module}"
    modules = _list_modules(paths)
    for name, home in modules:
        if module == name or module.startswith(f"{name}/"):
            yield "/".join(filter(None, (home, module[len(name) + 1 :])))
    if "." in module.partition("/")[0]:  # a folder of a GOPATH, or of a root without its go.mod
        for tail in (module,) if modules else _list_tails(module):
            yield from paths.find_folders(tail)


def _list_tails(module: str) -> Iterator[str]:
    """Yield a path, and then its ends, without its first parts."""
    while module:
        yield module
        module = module.partition("/")[2]


def locate_named(name: str, paths: Paths) -> list[FileKey]:
    """Return the key of a file of each package that a person calls `name` ("shop", "app/shop"); [] for none."""
    folders = paths.find_folders(name.replace(".", "/"))[:_MOST_NAMED]
    return [key for folder in folders for key in _choose_file(folder, paths)]


def locate_parts(relative: str, name: str, paths: Paths) -> list[FileKey]:
    """Return the keys of the files in the folder of `relative` that may define `name`, or methods of it; all for "".

    Tests count only if `relative` is one. [] for a predeclared name.
    """
    if name in _PREDECLARED or not relative.endswith(".go"):
        return []
    wanted = re.compile(
        rf"^(?:(?:func|type|var|const)\b[^\n]*|[ \t]+(?:\w+[ \t]*,[ \t]*)*)(?<![\w.]){re.escape(name)}\b", re.MULTILINE
    )
    found: list[FileKey] = []
    for path in _iterate_files(relative.rpartition("/")[0], paths, with_tests=relative.endswith(_TEST)):
        key = paths.find(path)
        if key is None or path == relative:
            continue
        if not name or (name in (text := paths.read_text(path)) and wanted.search(text)):
            found.append(key)
    return found


def _iterate_files(folder: str, paths: Paths, *, with_tests: bool) -> Iterator[str]:
    """Yield the paths of up to `_MOST_FILES` Go files directly in `folder`."""
    names = [each for each in paths.list_names(folder) if each.endswith(".go")]
    for name in sorted(names)[:_MOST_FILES]:
        if with_tests or not name.endswith(_TEST):
            yield f"{folder}/{name}" if folder else name


def _choose_file(folder: str, paths: Paths) -> Sequence[FileKey]:
    """Return the key of a file in `folder` that belongs to a package that can be imported; () if there is none."""
    first: FileKey | None = None
    for number, path in enumerate(_iterate_files(folder, paths, with_tests=False)):
        clause = _PACKAGE.search(paths.read_text(path), 0, _HEAD)
        key = paths.find(path)
        if clause is not None and clause[1] != "main" and key is not None:
            return (key,)
        first = first or key
        if number >= _MOST_TRIED:
            break
    return (first,) if first is not None else ()


def _list_modules(paths: Paths) -> list[tuple[str, str]]:
    """Return the path of each module of a root and the folder of its `go.mod`, longest path first."""
    files = paths.find_ending("go.mod")[:_MOST_MODULES]
    found = [(name, path.rpartition("/")[0]) for path in files if (name := _read_module(paths.read_text(path)))]
    return sorted(found, key=lambda each: -len(each[0]))


@lru_cache(maxsize=256)
def _read_module(text: str) -> str:
    """Return the path of the module that a `go.mod` with this text declares; "" if it declares none."""
    found = _MODULE.search(text, 0, _HEAD)
    return found[1] if found is not None else ""
