"""Loads the grammars, each on its first use, together with its query.

A grammar that is missing or does not fit this tree-sitter is remembered with its problem and never asked again: its
files are then indexed as plain text. Never raises for a broken grammar. Start at `load`.
"""

from __future__ import annotations

import importlib
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.syntax import languages

if TYPE_CHECKING:
    import tree_sitter

QUERIES = Path(__file__).with_name("queries")

# How much of a text the parser is handed at once.
_PIECE_BYTES = 1 << 16
# Processor time for one parse: ten times what a large file of a person takes.
_PARSE_S, _PARSE_S_PER_BYTE = 0.25, 1e-6
# tree-sitter's queries take time with the square of an error's parts: 0.3 s at 20,000, 11 s at 60,000.
_PARTS_OF_AN_ERROR = 5000
_INDENTATION = re.compile(rb"^[ \t]*(?:[-?:][ \t]+)*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Grammar:
    """A usable grammar.

    Attributes:
        entry: the language's entry.
        language: for `tree_sitter.Parser`.
        definitions: finds definitions and imports; None when the query does not fit this version of the grammar.
        names: finds identifiers; None for languages without.
        errors: finds what does not parse.
    """

    entry: languages.Language
    language: tree_sitter.Language
    definitions: tree_sitter.Query | None
    names: tree_sitter.Query | None
    errors: tree_sitter.Query

    def parse(self, data: bytes, old_tree: tree_sitter.Tree | None = None) -> tree_sitter.Tree | None:
        """Parse UTF-8; `old_tree` must have been edited to match. None for what no person wrote and takes for ever.

        Other threads have their turn meanwhile.
        """
        if self._crashes_on(data):
            return None
        # one parser per call: a Parser is not thread-safe, and making one costs a microsecond
        parser = _parser(self.language)
        until = time.thread_time() + _PARSE_S + _PARSE_S_PER_BYTE * len(data)
        piece = _pieces.of_thread

        def read(at: int, _: tree_sitter.Point) -> bytearray:
            piece[:] = data[at : at + _PIECE_BYTES]
            return piece

        def is_over(*_: object) -> bool:
            return time.thread_time() > until

        try:
            if old_tree is None:
                tree = parser.parse(read, progress_callback=is_over)
            else:
                tree = parser.parse(read, old_tree, progress_callback=is_over)
        except ValueError:
            return None
        finally:
            piece.clear()
        # Once more, which takes no time for what is parsed: a tree made by a callback asks that for each node's text.
        return None if _is_too_broken(tree) else parser.parse(data, tree)

    def parse_whole(self, data: bytes) -> tree_sitter.Tree | None:
        """Parse UTF-8, however long it takes; holds the GIL, so it is for a process of its own."""
        if self._crashes_on(data):
            return None
        tree = _parser(self.language).parse(data)
        return None if _is_too_broken(tree) else tree

    def _crashes_on(self, data: bytes) -> bool:
        deepest = self.entry.deepest_column
        return deepest > 0 and any(len(found[0]) > deepest for found in _INDENTATION.finditer(data))


class _Pieces(threading.local):
    """One buffer for each thread: tree-sitter keeps a reference to whatever it has read from, for ever."""

    def __init__(self) -> None:
        self.of_thread = bytearray()


_pieces = _Pieces()


@dataclass(frozen=True, slots=True)
class _Loaded:
    grammar: Grammar | None
    problem: str = ""


_loaded: dict[str, _Loaded] = {}
_lock = threading.Lock()


def load(name: str) -> Grammar | None:
    """The grammar of our language `name`; None when there is none or it does not work here."""
    known = _loaded.get(name)
    if known is None:
        with _lock:
            known = _loaded.get(name) or _loaded.setdefault(name, _load(name))
    return known.grammar


def problem(name: str) -> str:
    """One sentence why `load(name)` gives less than it should, "" when all is well."""
    load(name)
    return _loaded[name].problem


def _is_too_broken(tree: tree_sitter.Tree) -> bool:
    """Whether an error has so many parts that no query comes to an end."""
    if tree.root_node.end_byte < _PARTS_OF_AN_ERROR:
        return False
    broken = [tree.root_node]
    while broken:
        node = broken.pop()
        if node.has_error:
            if node.is_error and node.child_count > _PARTS_OF_AN_ERROR:
                return True
            broken += node.children
    return False


def _parser(language: tree_sitter.Language) -> tree_sitter.Parser:
    import tree_sitter  # noqa: PLC0415  # 16 ms that `initialize` must not wait for

    return tree_sitter.Parser(language)


def _load(name: str) -> _Loaded:
    entry = languages.get(name)
    if not entry.grammar:
        return _Loaded(None)
    module, _, function = entry.grammar.partition(":")
    try:
        import tree_sitter  # noqa: PLC0415  # see above

        language = tree_sitter.Language(getattr(importlib.import_module(module), function)())
    except (ImportError, AttributeError, ValueError, OSError, TypeError) as error:
        return _Loaded(None, f"The grammar of {name} does not work here ({error}); its files are plain text.")
    errors = tree_sitter.Query(language, "(ERROR) @bad (MISSING) @bad")
    kinds = " ".join(f"({kind})" for kind in entry.identifiers)
    try:
        source = (QUERIES / f"{entry.query or name}.scm").read_text(encoding="utf-8")
        definitions = tree_sitter.Query(language, source)
        names = tree_sitter.Query(language, f"[{kinds}] @name") if kinds else None
    except (tree_sitter.QueryError, OSError) as error:
        return _Loaded(
            Grammar(entry, language, None, None, errors), f"The query of {name} does not fit its grammar ({error})."
        )
    return _Loaded(Grammar(entry, language, definitions, names, errors))
