"""Loader of the grammars: each is loaded at its first use, together with its query.

A grammar that is missing or does not fit the installed tree-sitter is tried once; its problem is kept, and files in its
language are indexed as plain text. Never raises for a broken grammar. Start at `load`.
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

# Size of the pieces in which the parser reads a text.
_PIECE_BYTES = 1 << 16
# Limit on the processor time of one parse: ten times the time that a large hand-written file takes.
_PARSE_S, _PARSE_S_PER_BYTE = 0.25, 1e-6
# The time of a query grows with the square of the children of an error node: 0.3 s at 20,000, 11 s at 60,000.
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
        """Parse the UTF-8 text `data`; return None if that takes too long, or for text that `parse_whole` refuses.

        `old_tree`, if given, must have been edited to match `data`; unchanged parts are then not parsed again. Other
        threads can run during the parse.
        """
        if self._crashes_on(data):
            return None
        # one parser per call: a Parser is not thread-safe, and making one costs a microsecond
        parser = _make_parser(self.language)
        until = time.thread_time() + _PARSE_S + _PARSE_S_PER_BYTE * len(data)
        piece = _buffer.data

        def read_piece(at: int, _: tree_sitter.Point) -> bytearray:
            """Return the piece of the text that begins at the byte `at`."""
            piece[:] = data[at : at + _PIECE_BYTES]
            return piece

        def is_time_over(*_: object) -> bool:
            """Return whether the parse has used up its processor time."""
            return time.thread_time() > until

        try:
            if old_tree is None:
                tree = parser.parse(read_piece, progress_callback=is_time_over)
            else:
                tree = parser.parse(read_piece, old_tree, progress_callback=is_time_over)
        except ValueError:
            return None
        finally:
            piece.clear()
        # Parse again, which reuses the whole tree: a tree read through a callback calls it for the text of each node.
        return None if _is_too_broken(tree) else parser.parse(data, tree)

    def parse_whole(self, data: bytes) -> tree_sitter.Tree | None:
        """Parse the UTF-8 text `data` without a time limit.

        Returns None for text that would crash the grammar's scanner or has too many errors to be queried.

        Holds the GIL, so call it in a separate process.
        """
        if self._crashes_on(data):
            return None
        tree = _make_parser(self.language).parse(data)
        return None if _is_too_broken(tree) else tree

    def _crashes_on(self, data: bytes) -> bool:
        """Return whether a line begins so far right that the grammar's scanner would crash."""
        deepest = self.entry.deepest_column
        return deepest > 0 and any(len(found[0]) > deepest for found in _INDENTATION.finditer(data))


class _ReadBuffer(threading.local):
    """The read buffer of the current thread: tree-sitter never releases the objects that it has read from."""

    def __init__(self) -> None:
        """Make an empty buffer; called once in each thread that uses it."""
        self.data = bytearray()


_buffer = _ReadBuffer()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A grammar, None if there is none that works, and a sentence about what is wrong with it, "" for nothing."""

    grammar: Grammar | None
    problem: str = ""


_loaded: dict[str, _Loaded] = {}
_lock = threading.Lock()


def load(name: str) -> Grammar | None:
    """Return the grammar of the language `name`; None if there is none or it cannot be loaded."""
    known = _loaded.get(name)
    if known is None:
        with _lock:
            known = _loaded.get(name) or _loaded.setdefault(name, _load(name))
    return known.grammar


def explain_problem(name: str) -> str:
    """Return a sentence about why the grammar or the query of `name` cannot be used; "" if there is no problem."""
    load(name)
    return _loaded[name].problem


def _is_too_broken(tree: tree_sitter.Tree) -> bool:
    """Return whether an error node has so many children that a query would take seconds."""
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


def _make_parser(language: tree_sitter.Language) -> tree_sitter.Parser:
    """Return a new parser for `language`."""
    import tree_sitter  # noqa: PLC0415  # 16 ms that `initialize` must not wait for

    return tree_sitter.Parser(language)


def _load(name: str) -> _Loaded:
    """Return the grammar of the language `name` with its queries, or a sentence about why it cannot be used."""
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
