"""Resolution in Python: reading a table of names from the tree, packages and relative imports, and names of types."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from indexing.resolution.languages.python_tables import TableReader, get_last
from indexing.resolution.languages.python_types import TYPES
from indexing.resolution.records import ImportedName
from indexing.resolution.rules import SimpleModules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution import rules
    from indexing.resolution.paths import Paths
    from indexing.resolution.records import NameTable

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t].*?import[ \t]*\([^)]{0,4000}\)|(?:from|import)[ \t].*)", re.MULTILINE)


class PythonRules(SimpleModules):
    """The rules of Python."""

    constructor = "__init__"
    whole = ""
    unnamed: frozenset[str] = frozenset()
    imports = _IMPORT
    weights: Mapping[str, float] = {}
    types = TYPES

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""
        return TableReader(text, data).read(captures)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of an imported module, source before stub; () if it is in no known file."""
        tail = imported.module.replace(".", "/")
        folder = relative.rpartition("/")[0]
        if imported.level:
            if not relative:
                return ()
            for _ in range(imported.level - 1):
                folder = folder.rpartition("/")[0]
            return _list_keys([_join(folder, tail)], paths)
        if paths.is_installed:
            return _list_installed(tail, paths)
        found = [
            path.removesuffix(ending)
            for ending in (".py", ".pyi", "/__init__.py", "/__init__.pyi")
            for path in paths.find_ending(tail + ending)
        ]
        near = tail not in sys.stdlib_module_names
        homes = [
            path for path in dict.fromkeys(found)
            if not _is_package(head := path[: -len(tail)].rstrip("/"), paths) or (near and head == folder)
        ]  # fmt: skip
        homes.sort(key=lambda path: (-_count_common(path, relative), path.count("/"), path))
        return _list_keys(homes[:1], paths)

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module that a person calls `name` ("a.b"); () if there is none."""
        return self.locate_module(ImportedName(name, name), "", paths)

    def locate_submodule(self, relative: str, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module `name` in the package whose file is `relative`; () for none."""
        folder, _, file = relative.rpartition("/")
        return _list_keys([_join(folder, name)], paths) if file.startswith("__init__.") else ()

    def is_property(self, decorators: Sequence[str]) -> bool:
        """Return whether reading a method with these decorators calls it."""
        return any(
            get_last(each) in {"property", "cached_property", "abstractproperty", "reify", "memoized_property"}
            or get_last(each).endswith("_property")
            for each in decorators
        )

    def is_entered_as_element(self, decorators: Sequence[str]) -> bool:
        """Return whether a function with these decorators makes a context of the element that it yields."""
        return any(get_last(each) in {"contextmanager", "asynccontextmanager"} for each in decorators)

    def takes_fields(self, decorators: Sequence[str], bases: Sequence[str]) -> bool:
        """Return whether creating an instance of such a class takes its annotated attributes."""
        made = {"dataclass", "define", "frozen", "mutable", "attrs", "s", "dataclass_transform"}
        return any(get_last(each) in made for each in decorators) or any(
            get_last(each) in {"NamedTuple", "BaseModel", "TypedDict"} for each in bases
        )

    def make_placeholder(self, line: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it."""
        indent = line[: len(line) - len(line.lstrip())]
        deeper = len(following) - len(following.lstrip()) > len(indent) and following.strip()
        placeholder = f"{indent}if ...:" if deeper else f"{indent}..."
        return placeholder, max(column, len(placeholder)) and len(placeholder)

    def close(self, text: str) -> str:
        """Return "": the parser closes what indentation ends."""
        return text[:0]

    def simplify(self, text: str) -> str:
        """Return `text` itself: it is in the notation that is read."""
        return text

    def is_public(self, name: str) -> bool:
        """Return whether a star import binds `name`, where the module does not say what it exports."""
        return not name.startswith("_")


RULES: rules.Rules = PythonRules()


def _join(folder: str, tail: str) -> str:
    """Return the path of `tail` in `folder`; either may be empty."""
    return f"{folder}/{tail}" if folder and tail else folder or tail


def _list_keys(stems: Sequence[str], paths: Paths) -> list[tuple[str, int]]:
    """Return the keys of the files of the first module at one of `stems` (paths without ending) that there is.

    Source comes before the stub; in libraries, whose stubs hold the types, after it.
    """
    for stem in stems:
        begin = f"{stem}/" if stem else ""
        ends = (f"{stem}.py", f"{begin}__init__.py", f"{stem}.pyi", f"{begin}__init__.pyi")
        if found := [key for path in ends if (key := paths.find(path)) is not None]:
            return found[::-1] if paths.is_installed else found
    return []


def _list_installed(tail: str, paths: Paths) -> list[tuple[str, int]]:
    """Return the keys of the files of the module at `tail` of a library, those of a package of stubs first."""
    top, mark, rest = tail.partition("/")
    return [*_list_keys([f"{top}-stubs{mark}{rest}"], paths), *_list_keys([tail], paths)]


def _is_package(folder: str, paths: Paths) -> bool:
    """Return whether `folder` is a package, so that what is in it cannot be imported without its name."""
    return bool(folder) and any(paths.find(f"{folder}/__init__.{end}") is not None for end in ("py", "pyi"))


def _count_common(one: str, other: str) -> int:
    """Return the number of folders at the beginning that two paths have in common."""
    count = 0
    for first, second in zip(one.split("/"), other.split("/"), strict=False):
        if first != second:
            break
        count += 1
    return count
