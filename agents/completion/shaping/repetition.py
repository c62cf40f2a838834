"""Recognisers of a suggestion that repeats code around it: a parameter, an entry, a definition, a statement.

They compare tokens and lines only. Start at `find_repetition`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.completion.shaping.elements import Elements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agents.completion.cursor import Cursor

_NAMED = re.compile(r"\*{0,2}(?P<name>[^\W\d]\w*)\s*(?::(?![:=])|=(?![=>]))|(?P<key>[rbuRBU]{0,2}(\"|')[^\n]*?\3)\s*:")
_BARE = re.compile(r"\*{0,2}(?P<name>[^\W\d]\w*)\Z")
_LEAST_ENTRY = 6  # characters; shorter entries, such as numbers, often occur twice
_LETTER = re.compile(r"[^\W\d_]")
_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+(?P<name>\w+)\s*[(:]")
_LEAST_STATEMENT = 8  # characters
_FAR = 60  # lines above and below that belong to the block
# Lines that often occur twice in a block: ends of its branches and of brackets, decorators.
_COMMON = re.compile(r"(?:return|raise|break|continue|pass|yield|else|try|finally)\b|[)\]}@]")


def find_repetition(cursor: Cursor, text: str) -> str:
    """Return what kind of code the first line of `text`, inserted at `cursor`, would repeat; "" for none.

    One of "parameter" (a name that the same brackets bind already), "entry" (an element equal to another one),
    "definition" (a name that the same class or module defines already) and "statement" (a line of the same block).
    """
    first = text.partition("\n")[0]
    if (found := _find_repeated_element(cursor, first)) != "":
        return found
    if _defines_again(cursor, first):
        return "definition"
    return "statement" if _repeats_statement(cursor, first) else ""


def _find_repeated_element(cursor: Cursor, line: str) -> str:
    """Return "parameter" or "entry" if `line` writes one of the brackets around `cursor` again, else ""."""
    elements = Elements.around(cursor)
    if elements is None or (elements.opener == "{" and any(";" in one for one in elements.others)):
        return ""
    new = elements.split_new(line)
    names = list(_list_names(elements.others, declares=elements.declares))
    for name in _list_names(new, declares=elements.declares):
        if name in names and elements.opener != "[":
            return "parameter"
        names.append(name)
    entries = list(elements.others)
    for one in new:
        if len(one) >= _LEAST_ENTRY and _LETTER.search(one) and one in entries:
            return "entry"
        entries.append(one)
    return ""


def _list_names(elements: Iterable[str], *, declares: bool) -> Iterator[str]:
    """Yield the names and keys that `elements` bind; with `declares`, also parameters without type and default."""
    for one in elements:
        if (found := _NAMED.match(one)) is not None:
            yield found["name"] or found["key"]
        elif declares and (found := _BARE.match(one)) is not None:
            yield found["name"]


def _defines_again(cursor: Cursor, line: str) -> bool:
    """Return whether the cursor's line, completed with `line`, defines a name again in the same body."""
    whole = cursor.before + line
    head = _DEFINITION.match(whole.lstrip())
    if head is None or cursor.previous_line.lstrip().startswith("@"):
        return False
    return any(
        (other := _DEFINITION.match(one.lstrip())) is not None and other["name"] == head["name"]
        for one in _list_siblings(cursor, measure_indentation(whole), None)
    )


def _repeats_statement(cursor: Cursor, line: str) -> bool:
    """Return whether the cursor's line, completed with `line`, equals another line of the same block."""
    whole = (cursor.before + line).rstrip()
    said = whole.strip()
    if len(said) < _LEAST_STATEMENT or not _LETTER.search(said) or not line.strip() or _COMMON.match(said):
        return False
    return any(one.strip() == said for one in _list_siblings(cursor, measure_indentation(whole), _FAR))


def _list_siblings(cursor: Cursor, columns: int, most: int | None) -> Iterator[str]:
    """Yield the other lines that begin at `columns` in the block of the cursor's line, nearest first.

    `most` is the number of lines to look at on each side, None for all of the cursor's windows.
    """
    above = reversed(cursor.prefix.split("\n")[:-1][-most if most else None :])
    below = cursor.suffix.split("\n")[1:][:most]
    for lines in (above, below):
        for one in lines:
            if not one.strip():
                continue
            depth = measure_indentation(one)
            if depth < columns:
                break
            if depth == columns:
                yield one
