"""The files that resolution reads, and their tables of names, cached.

Reads the texts that the index holds, never a file of the workspace. Start at `ViewFiles` and `TableCache`.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from indexing.resolution import rules
from indexing.resolution.paths import Paths
from indexing.resolution.records import NameTable
from indexing.syntax import grammars, languages, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tree_sitter

    from indexing.resolution.paths import FileKey
    from indexing.segments import View

LARGEST = 800_000  # characters of a file; of a larger one there is no table
DEEPEST = 1_000  # nodes inside each other; the time of a query grows with the square of the depth
CACHED_CHARACTERS = 24_000_000  # of the texts whose tables are cached; a table takes about as much again


class Files(Protocol):
    """The files of a workspace, as the index holds them."""

    @property
    def paths(self) -> Mapping[str, Paths]:
        """Paths of all files by the key of their root, in the order in which imports look through the roots.

        Those of installed libraries come last; files of these import from libraries alone.
        """

    def read(self, key: FileKey) -> tuple[str, str, str] | None:
        """Return the relative path, the language and the text of a file; None if it is not there any more."""


class ViewFiles:
    """The files of a view of the index."""

    def __init__(self, view: View, paths: Mapping[str, Paths], libraries: Mapping[str, Paths] | None = None) -> None:
        """Take a view, `list_paths` of this view or of one with the same files, and those of installed libraries.

        The paths of libraries, by the key of their segment, come last; None for none.
        """
        self._view = view
        read = partial(_read_text, view)  # no method of this object: a cycle would keep the view until it is collected
        self.paths = {root: each.bind(read) for root, each in {**paths, **(libraries or {})}.items()}

    def read(self, key: FileKey) -> tuple[str, str, str] | None:
        """Return the relative path, the language and the text of a file; None if it is not there any more."""
        try:
            relative = self._view.read_relative_path(key)
            language = languages.detect_by_name(relative.rpartition("/")[2])
            return relative, language, self._view.read_text(key)
        except KeyError:
            return None


def _read_text(view: View, key: FileKey) -> str:
    """Return the text of a file of `view`; "" if it is not there any more."""
    try:
        return view.read_text(key)
    except KeyError:
        return ""


def list_paths(view: View) -> dict[str, Paths]:
    """Return the paths of all files of `view` by the key of their root."""
    by_root: dict[str, list[tuple[str, FileKey]]] = {}
    for relative, key in view.iterate_paths():
        by_root.setdefault(key[0], []).append((relative, key))
    return {root: Paths(files) for root, files in by_root.items()}


class TableCache:
    """Tables of names by text, up to a number of characters; the least recently used are evicted. Thread-safe."""

    def __init__(self, characters: int = CACHED_CHARACTERS) -> None:
        self._most = characters
        self._held = 0
        self._lock = Lock()
        self._tables: OrderedDict[tuple[str, str], NameTable] = OrderedDict()

    @property
    def count(self) -> int:
        """Number of cached tables."""
        return len(self._tables)

    def find(self, language: str, text: str) -> NameTable | None:
        """Return the cached table of a text; None if there is none."""
        with self._lock:
            found = self._tables.get((language, text))
            if found is not None:
                self._tables.move_to_end((language, text))
            return found

    def read(self, language: str, text: str) -> NameTable:
        """Return the table of a text, which is parsed unless it is cached; an empty one if that is not possible."""
        found = self.find(language, text)
        if found is None:
            found = read_table(language, text)
            with self._lock:
                if (language, text) not in self._tables:
                    self._tables[language, text] = found
                    self._held += len(text)
                while self._held > self._most and self._tables:
                    (_, old), _ = self._tables.popitem(last=False)
                    self._held -= len(old)
        return found


def read_table(language: str, text: str, tree: tree_sitter.Tree | None = None) -> NameTable:
    """Return the table of names of a text; an empty one in a language without rules, and for a text not parsed.

    Leaves out names that are defined more than `DEEPEST` nodes deep.

    Args:
        language: name of its language.
        text: the text.
        tree: its syntax tree, None to parse it.
    """
    language_rules = rules.load(language)
    if language_rules is None or len(text) > LARGEST:
        return NameTable()
    grammar, query = grammars.load(language), rules.load_query(language)
    data = texts.encode(text)
    if grammar is None or query is None or texts.is_too_nested(data):
        return NameTable()
    import tree_sitter  # noqa: PLC0415  # loaded with the grammar

    tree = tree or grammar.parse(data)
    if tree is None:
        return NameTable()
    cursor = tree_sitter.QueryCursor(query)
    cursor.set_max_start_depth(DEEPEST)
    return language_rules.read_table(text, data, cursor.captures(tree.root_node))
