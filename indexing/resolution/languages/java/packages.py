"""Places of Java classes: a folder for each package below a source root, a file for each class that others can use.

Source roots (`src/main/java`) are not configured anywhere that is read: a path that ends with the package's folders and
the class's name is its file. Start at `locate`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.syntax.languages.language import parse_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.resolution.paths import FileKey, Paths

_ENDING = ".java"
_MOST_NAMED = 8  # packages of the same name
_MOST_FILES = 60  # of one package that are listed
_MOST_SEARCHED = 40  # files of a package in which a class is looked for that has no file of its own
_ROOT = re.compile(r"^(?:.*?/)??(?:src/\w+/java|src/(?:main|test)|src|test|tests|java)/")
# Classes that every file knows without an import.
_PREDECLARED = parse_kinds(
    "Object String Integer Long Short Byte Character Boolean Double Float Number Math System Thread Runnable Class"
    " Enum Record Void Iterable Comparable CharSequence StringBuilder StringBuffer Throwable Exception"
    " RuntimeException Error IllegalArgumentException IllegalStateException NullPointerException"
    " IndexOutOfBoundsException Override Deprecated SuppressWarnings FunctionalInterface SafeVarargs Cloneable"
    " AutoCloseable InterruptedException Process Runtime UnsupportedOperationException ArithmeticException"
    " ClassCastException NumberFormatException AssertionError"
)


def locate(package: str, name: str, relative: str, paths: Paths) -> Sequence[FileKey]:
    """Return the key of the file of the class `name` in a package; () if it is in no known file.

    Of several the one that is nearest to the importing file, at the path `relative` ("" if it is in another root).
    """
    if not package or not name:
        return ()
    found = paths.find_ending(f"{package.replace('.', '/')}/{name}{_ENDING}")
    if not found:
        return ()
    nearest = min(found, key=lambda path: (-_count_common(path, relative), path.count("/"), path))
    key = paths.find(nearest)
    return (key,) if key is not None else ()


def locate_named(name: str, paths: Paths) -> list[FileKey]:
    """Return the key of a file of each package that a person calls `name` ("app.shop"); [] for none."""
    folders = paths.find_folders(name.replace(".", "/"))[:_MOST_NAMED]
    found = (paths.find(path) for folder in folders for path in _list_files(folder, paths)[:1])
    return [key for key in found if key is not None]


def choose_file(package: str, paths: Paths) -> Sequence[FileKey]:
    """Return the key of a file of a package; () if there is none."""
    return locate_named(package, paths)[:1]


def locate_parts(relative: str, name: str, paths: Paths) -> list[FileKey]:
    """Return the keys of the other files of the package of the file `relative` that may define the class `name`.

    For "", of all files in its folder. [] for a name that no class has.
    """
    folder = relative.rpartition("/")[0]
    if not relative.endswith(_ENDING):
        return []
    if not name:
        found = (paths.find(path) for path in _list_files(folder, paths) if path != relative)
        return [key for key in found if key is not None]
    if not name[:1].isupper() or not name.isidentifier():
        return []
    near = f"{folder}/{name}{_ENDING}" if folder else f"{name}{_ENDING}"
    last = folder.rpartition("/")[2]
    others = [path for path in paths.find_ending(f"{name}{_ENDING}") if path.split("/")[-2:-1] == [last]]
    own = [path for path in others if is_same_package(path, relative)]
    if known := [key for path in (near, *own) if (key := paths.find(path)) is not None]:
        return list(dict.fromkeys(known))[:_MOST_NAMED]
    if name in _PREDECLARED:
        return []
    wanted = re.compile(rf"\b(?:class|interface|enum|record)\s+{re.escape(name)}\b")
    texts = ((path, paths.read_text(path)) for path in _list_files(folder, paths)[:_MOST_SEARCHED])
    defining = [path for path, text in texts if name in text and wanted.search(text)]
    return [key for path in defining if (key := paths.find(path)) is not None]


def is_same_package(one: str, other: str) -> bool:
    """Return whether the files at two paths of a root are in folders of the same package, by the paths alone."""
    return _read_package(one) == _read_package(other)


def _read_package(path: str) -> str:
    """Return the folders of a file below its source root."""
    return _ROOT.sub("", path).rpartition("/")[0]


def _list_files(folder: str, paths: Paths) -> list[str]:
    """Return the paths of up to `_MOST_FILES` Java files directly in `folder`, by name."""
    names = sorted(each for each in paths.list_names(folder) if each.endswith(_ENDING))[:_MOST_FILES]
    return [f"{folder}/{name}" if folder else name for name in names]


def _count_common(one: str, other: str) -> int:
    """Return the number of folders at the beginning that two paths have in common."""
    count = 0
    for first, second in zip(one.split("/"), other.split("/"), strict=False):
        if first != second:
            break
        count += 1
    return count
