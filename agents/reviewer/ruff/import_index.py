"""Who imports a name from a module: a bounded look at the Python files of the workspace.

Reads files, follows no link, never fails; where it cannot know, the answer is that somebody may. Start at
`Importers.may_use`.
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
MOST_ENTRIES = 50_000  # of folders, looked at in search of them
_LARGEST = 1_000_000  # bytes; a larger file may hold anything
_FRESH_S = 2.0
_LEFT_OUT = frozenset({"node_modules", "site-packages", "__pycache__"})
_ENDS = (".py", ".pyi", ".pyw", ".ipynb")
_PROJECT = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "requirements.txt")
_FROM = re.compile(r"\bfrom\s+([.\w]+)\s+import\s+(\([^)]{0,5000}\)|(?:[^\n\\;#]|\\.)*)", re.DOTALL)
_IMPORT = re.compile(r"\bimport\s+((?:[^\n\\;#(]|\\.)+)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w*|\*")


@dataclass(frozen=True, slots=True)
class _File:
    """What one file imports: (module, names) of each `from`, and every word of other imports."""

    stamp: tuple[int, int]
    taken: tuple[tuple[str, frozenset[str]], ...]
    modules: frozenset[str]


class Importers:
    """The imports of all Python files of some folders. Thread-safe."""

    def __init__(self, roots: Callable[[], Sequence[Path]] = tuple) -> None:
        """`roots` gives the workspace folders; a file outside of them belongs to its own project."""
        self._roots = roots
        self._lock = threading.Lock()
        self._files: dict[Path, _File | None] = {}
        self._listed: dict[Path, tuple[float, list[Path] | None]] = {}

    def root_of(self, path: Path) -> Path:
        """Return the folder that everything lies in which may import the module at `path`."""
        for root in self._roots():
            if path.is_relative_to(root):
                return root
        for folder in path.parents:
            if any((folder / mark).exists() for mark in _PROJECT):
                return folder
        folder = path.parent
        while (folder / "__init__.py").exists() and folder.parent != folder:
            folder = folder.parent
        return folder

    def may_use(self, path: Path, names: Collection[str]) -> bool:
        """Return whether another file may take one of `names` from the module at `path`."""
        with self._lock:
            listed = self._python_files(self.root_of(path))
            if listed is None:
                return True
            stem = path.parent.name if path.stem == "__init__" else path.stem
            return any(self._takes(other, path, stem, frozenset(names)) for other in listed if other != path)

    def _takes(self, other: Path, path: Path, stem: str, names: frozenset[str]) -> bool:
        file = self._read(other)
        if file is None:
            return True
        for module, taken in file.taken:
            if taken & (names | {"*"}) and _may_be(module, other, path, stem):
                return True
        if stem not in file.modules:
            return False
        text = _text(other)
        return text is None or any(re.search(rf"\.\s*{re.escape(name)}\b", text) for name in names)

    def _read(self, path: Path) -> _File | None:
        """Return what a file imports, None where that cannot be known."""
        try:
            found = path.stat()
        except OSError:
            return _File((0, 0), (), frozenset())
        stamp = (found.st_mtime_ns, found.st_size)
        known = self._files.get(path)
        if known is not None and known.stamp == stamp:
            return known
        text = _text(path)
        file = None if text is None else _imports(text, stamp)
        self._files[path] = file
        if len(self._files) > 2 * MOST_FILES:
            self._files.clear()
        return file

    def _python_files(self, root: Path) -> list[Path] | None:
        """Return the Python files below `root`, None where there are too many."""
        now = time.monotonic()
        known = self._listed.get(root)
        if known is None or known[0] < now:
            self._listed.clear()
            known = self._listed[root] = (now + _FRESH_S, _walked(root))
        return known[1]


def _walked(root: Path) -> list[Path] | None:
    files: list[Path] = []
    seen = 0
    for folder, inner, names in os.walk(root):
        seen += len(inner) + len(names)
        files += (Path(folder, name) for name in names if name.endswith(_ENDS))
        if seen > MOST_ENTRIES or len(files) > MOST_FILES:
            return None
        inner[:] = [
            name
            for name in inner
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118 (many)
        ]
    return files


def _text(path: Path) -> str | None:
    try:
        data, _ = read_regular(path, _LARGEST + 1)
    except OSError:
        return None
    if len(data) > _LARGEST:
        return None
    text = texts.decode(data)
    return text.replace("\\n", "\n").replace('\\"', '"') if path.suffix == ".ipynb" else text


def _imports(text: str, stamp: tuple[int, int]) -> _File:
    """Return the imports of a text by its words: those in strings and comments count too."""
    taken = []
    modules: set[str] = set()
    for found in _FROM.finditer(text):
        names = frozenset(_WORD.findall(re.sub(r"#[^\n]*", "", found[2])))
        if found[2].startswith("(") and not found[2].endswith(")"):
            names |= {"*"}  # too long to be read
        taken.append((found[1], names))
        modules |= names
    for found in _IMPORT.finditer(text):
        modules.update(_WORD.findall(found[1]))
    return _File(stamp, tuple(taken), frozenset(modules))


def _may_be(module: str, other: Path, path: Path, stem: str) -> bool:
    """Return whether `module`, as `other` writes it, may be the module at `path`."""
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
