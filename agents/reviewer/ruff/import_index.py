"""An index of the imports in a workspace's Python files, to tell whether another file imports a name from a module.

Reads a bounded number of files, follows no link and never fails; if the answer is unknown, another file may import the
name. Start at `ImportIndex.may_be_imported`.
"""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.syntax import texts
from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

MOST_FILES = 5_000
MOST_ENTRIES = 50_000  # of folders, visited in search of Python files
_LARGEST = 1_000_000  # bytes; a larger file may import anything
_FRESH_S = 2.0
_SKIPPED_FOLDERS = frozenset({"node_modules", "site-packages", "__pycache__"})
_SUFFIXES = (".py", ".pyi", ".pyw", ".ipynb")
_PROJECT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "requirements.txt")
_FROM = re.compile(r"\bfrom\s+([.\w]+)\s+import\s+(\([^)]{0,5000}\)|(?:[^\n\\;#]|\\.)*)", re.DOTALL)
_IMPORT = re.compile(r"\bimport\s+((?:[^\n\\;#(]|\\.)+)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*|\*")


@dataclass(frozen=True, slots=True)
class _FileImports:
    """The imports of one file.

    Attributes:
        stamp: time of modification and size of the file when it was read.
        taken: module and names of each `from ... import`.
        modules: words that may name an imported module.
    """

    stamp: tuple[int, int]
    taken: tuple[tuple[str, frozenset[str]], ...]
    modules: frozenset[str]


class ImportIndex:
    """Imports of all Python files below some folders. Thread-safe."""

    def __init__(self, roots: Callable[[], Sequence[Path]] = tuple) -> None:
        """Create an empty index.

        `roots` returns the workspace folders; a file outside of them belongs to the project around it.
        """
        self._roots = roots
        self._lock = threading.Lock()
        self._files: dict[Path, _FileImports | None] = {}
        self._listed: dict[Path, tuple[float, list[Path] | None]] = {}

    def find_root(self, path: Path) -> Path:
        """Return the folder whose files may import the module at `path`.

        That is a workspace folder, else the project's root, else the folder that holds the outermost package.
        """
        for root in self._roots():
            if path.is_relative_to(root):
                return root
        for folder in path.parents:
            if any((folder / mark).exists() for mark in _PROJECT_MARKS):
                return folder
        folder = path.parent
        while (folder / "__init__.py").exists() and folder.parent != folder:
            folder = folder.parent
        return folder

    def may_be_imported(self, path: Path, names: Collection[str]) -> bool:
        """Return whether another file may import one of `names` from the module at `path`; True if that is unknown."""
        with self._lock:
            listed = self._list_python_files(self.find_root(path))
            if listed is None:
                return True
            stem = path.parent.name if path.stem == "__init__" else path.stem
            return any(self._may_import(other, path, stem, frozenset(names)) for other in listed if other != path)

    def _may_import(self, other: Path, path: Path, stem: str, names: frozenset[str]) -> bool:
        """Return whether the file `other` may import one of `names` from the module at `path`, whose name is `stem`."""
        file = self._load_imports(other)
        if file is None:
            return True
        for module, taken in file.taken:
            if taken & (names | {"*"}) and _may_refer_to(module, other, path, stem):
                return True
        if stem not in file.modules:
            return False
        text = _read_text(other)
        return text is None or any(re.search(rf"\.\s*{re.escape(name)}\b", text) for name in names)

    def _load_imports(self, path: Path) -> _FileImports | None:
        """Return the imports of a file, parsed anew if it changed; None if unknown, no imports if the file is gone."""
        try:
            found = path.stat()
        except OSError:
            return _FileImports((0, 0), (), frozenset())
        stamp = (found.st_mtime_ns, found.st_size)
        known = self._files.get(path)
        if known is not None and known.stamp == stamp:
            return known
        text = _read_text(path)
        file = None if text is None else _parse_imports(text, stamp)
        self._files[path] = file
        if len(self._files) > 2 * MOST_FILES:
            self._files.clear()
        return file

    def _list_python_files(self, root: Path) -> list[Path] | None:
        """Return the Python files below `root`, listed anew after two seconds; None if there are too many."""
        now = time.monotonic()
        known = self._listed.get(root)
        if known is None or known[0] < now:
            self._listed.clear()
            known = self._listed[root] = (now + _FRESH_S, _walk_python_files(root))
        return known[1]


def _walk_python_files(root: Path) -> list[Path] | None:
    """Return the Python files and notebooks below `root`; None if there are too many.

    Skips hidden folders, virtual environments and installed packages.
    """
    files: list[Path] = []
    seen = 0
    for folder, inner, names in os.walk(root):
        seen += len(inner) + len(names)
        files += (Path(folder, name) for name in names if name.endswith(_SUFFIXES))
        if seen > MOST_ENTRIES or len(files) > MOST_FILES:
            return None
        inner[:] = [
            name
            for name in inner
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118 (many)
        ]
    return files


def _read_text(path: Path) -> str | None:
    """Return the text of a file, of a notebook with its escapes resolved; None if unreadable or too large."""
    try:
        data, _ = read_regular(path, _LARGEST + 1)
    except OSError:
        return None
    if len(data) > _LARGEST:
        return None
    text = texts.decode(data)
    return text.replace("\\n", "\n").replace('\\"', '"') if path.suffix == ".ipynb" else text


def _parse_imports(text: str, stamp: tuple[int, int]) -> _FileImports:
    """Return the imports of a text, found by pattern.

    Those in strings and comments count too, so that there may be too many but not too few.
    """
    taken = []
    modules: set[str] = set()
    for found in _FROM.finditer(text):
        names = frozenset(_WORD.findall(re.sub(r"#[^\n]*", "", found[2])))
        if found[2].startswith("(") and not found[2].endswith(")"):
            names |= {"*"}  # too long for the pattern; may import anything
        taken.append((found[1], names))
        modules |= names
    for found in _IMPORT.finditer(text):
        modules.update(_WORD.findall(found[1]))
    return _FileImports(stamp, tuple(taken), frozenset(modules))


def _may_refer_to(module: str, other: Path, path: Path, stem: str) -> bool:
    """Return whether `module`, as the file `other` writes it, may be the module at `path`, named `stem`."""
    name = module.lstrip(".")
    if name:
        parts = name.split(".")
        if parts[-1] != stem:
            return False
        real = path.parent.parts if path.stem == "__init__" else (*path.parent.parts, path.stem)
        return real[-len(parts) :] == tuple(parts)
    dots = len(module)
    folder = other.parents[dots - 1] if dots <= len(other.parents) else None
    return path.stem == "__init__" and folder == path.parent
