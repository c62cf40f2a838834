"""Recogniser of names in a suggestion that nothing in the document defines.

Python only. Compares words: a name counts as defined if it occurs anywhere in the document, if the suggestion binds it,
or if it is built in. Start at `find_unknown_name`.
"""

from __future__ import annotations

import builtins
import keyword
import re
from functools import cache
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import compile_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.completion.cursor import Cursor

_LONGEST = 1_000  # characters of a line; the patterns take time with its square
_BUILT_IN = frozenset([*dir(builtins), *keyword.kwlist, *keyword.softkwlist, "__file__", "__path__", "self", "cls"])
# Heads of definitions and imports bind names, and so do the targets of loops, of handlers and of assignments.
_BINDS = re.compile(r"\s*(?:async\s+)?(?:def|class|import|from|global|nonlocal|type)\b")
_TARGETS = re.compile(
    r"\bfor\b(?P<loop>.*?)\bin\b|\bas\s+\(?(?P<alias>\w+)|(?P<walrus>\w+)\s*:=|\blambda\s+(?P<lambda>[^:]*):"
)
_IN_WORD = re.compile(r"\w")
_ASSIGNMENT = re.compile(r"(?<![=!<>:])=(?!=)")
_WORD = re.compile(r"(?P<dot>\.\s*)?(?<![\w\"'])(?P<name>[^\W\d]\w*)(?!\w|[\"'])(?P<keyword>\s*=(?!=))?")


def find_unknown_name(cursor: Cursor, text: str) -> str:
    """Return the first name in the first line of `text` that neither the document nor Python defines; "" for none.

    "" for other languages, inside a string, in the head of a definition or an import, and in a very long line.
    """
    if not cursor.document.entry.python_parser:
        return ""
    line = text.partition("\n")[0]
    whole = cursor.before + line
    if len(whole) > _LONGEST or _BINDS.match(whole):
        return ""
    bound = set(_list_bound(whole))
    begin = len(cursor.before) - len(cursor.word)
    for name in _list_used(whole, begin, cursor.document.language):
        if name not in bound and name not in _BUILT_IN and not _occurs(name, cursor):
            return name
    return ""


def _list_used(line: str, begin: int, language: str) -> Iterator[str]:
    """Yield the names that `line` uses from the column `begin` on, without attributes and keywords of calls."""
    depth = 0
    for found in _compile_names(language).finditer(line):
        mark = found.group()
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
        elif found["name"] and found.start("name") >= begin and not found["dot"] and not (found["keyword"] and depth):
            yield found["name"]


def _list_bound(line: str) -> Iterator[str]:
    """Yield the names that the line of code `line` binds itself."""
    assigned = _ASSIGNMENT.search(line)
    if assigned is not None and line.count("(", 0, assigned.start()) == line.count(")", 0, assigned.start()):
        yield from re.findall(r"\w+", line[: assigned.start()].partition(":")[0])
    for found in _TARGETS.finditer(line):
        for words in found.groups():
            yield from re.findall(r"\w+", words or "")


def _occurs(name: str, cursor: Cursor) -> bool:
    """Return whether `name` is a word of the document, apart from the partial word at `cursor`."""
    text, begin = cursor.document.text, cursor.offset - len(cursor.word)
    return _has_word(text, name, 0, begin) or _has_word(text, name, cursor.offset, len(text))


def _has_word(text: str, name: str, begin: int, end: int) -> bool:
    """Return whether `text` has `name` as a whole word between two offsets."""
    at = text.find(name, begin, end)
    while at >= 0:
        beside = text[max(at - 1, begin) : at] + text[at + len(name) : min(at + len(name) + 1, end)]
        if not _IN_WORD.search(beside):
            return True
        at = text.find(name, at + 1, end)
    return False


@cache
def _compile_names(language: str) -> re.Pattern[str]:
    """Compile the pattern of strings and comments, brackets, and names with what makes them attribute or keyword."""
    return re.compile(rf"{compile_strings(language).pattern}|[()\[\]{{}}]|{_WORD.pattern}")
