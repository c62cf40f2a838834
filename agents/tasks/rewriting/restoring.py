"""Restoring of decorators, docstrings and comments that a small model dropped from a function without being asked to.

Start at `restore`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.tasks.rewriting.reply_parsing import read_indentation
from indexing.syntax import languages

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECORATOR = re.compile(r"\s*(?:@\w|#\[|\[\w[^\]]*\]\s*\Z)")
_QUOTES = re.compile(r"""\s*[rRuU]?(?P<quotes>\"{3}|'{3})""")
_COMMENT = re.compile(r"\s*(?:#(?![!\[])|//|--)")
_HEAD = re.compile(r"\s*(?:async\s+)?(?:def|class)\b")
_ABOUT_DECORATORS = re.compile(
    r"(?i)decorat|annotat|attribute|@|static|class\s*method|property|cache|deprecat|abstract"
)
_ABOUT_DOCUMENTATION = re.compile(r"(?i)\bdoc|comment|describ")


def restore(lines: Sequence[str], original: Sequence[str], language: str, words: str) -> list[str]:
    """Return the lines of a definition with the decorators, docstring and comments that it lost.

    Args:
        lines: the lines by the model.
        original: the lines in the document.
        language: language of the document, by Starling's name.
        words: what the person asked for; parts that are mentioned here are left to the model.
    """
    made = list(lines)
    before = _find_decorators(original)
    if before and not _find_decorators(made) and not _ABOUT_DECORATORS.search(words):
        shift = read_indentation(made[0])
        made = [*(shift + line[len(read_indentation(original[0])) :] for line in before), *made]
    if _ABOUT_DOCUMENTATION.search(words):
        return made
    return _restore_comments(
        _restore_docstring(made, original) if languages.get(language).docstrings else made, original
    )


def _find_decorators(lines: Sequence[str]) -> list[str]:
    """Return the lines above the head of a definition, if the first one is a decorator; else []."""
    if not lines or not _DECORATOR.match(lines[0]):
        return []
    head = next((at for at, line in enumerate(lines) if _is_head(line, read_indentation(lines[0]))), 0)
    return list(lines[:head])


def _is_head(line: str, depth: str) -> bool:
    """Return whether a line is the head of a definition whose decorators have the indentation `depth`."""
    outside = bool(line.strip()) and read_indentation(line) == depth and not _DECORATOR.match(line)
    return outside and not line.strip().startswith((")", "]", "}", "#", "//"))


def _restore_docstring(lines: list[str], original: Sequence[str]) -> list[str]:
    """Return the lines of a definition with the docstring of `original` added, if they have none."""
    old, new = _find_docstring(original), _find_docstring(lines)
    body = _find_body(lines)
    if old is None or new is not None or body is None or body >= len(lines):
        return lines
    inner = next((read_indentation(line) for line in lines[body:] if line.strip()), read_indentation(lines[0]) + "    ")
    outer = read_indentation(original[old[0]])
    kept = [inner + line.removeprefix(outer) if line.strip() else "" for line in original[old[0] : old[1]]]
    return [*lines[:body], *kept, *lines[body:]]


def _restore_comments(lines: list[str], original: Sequence[str]) -> list[str]:
    """Return the lines with the comments of `original` added above the code lines that occur once in both.

    Comments that occur in `lines`, and lines that have a comment above them, are left alone.
    """
    made, stripped = list(lines), [line.strip() for line in original]
    for at in range(len(original) - 1, 0, -1):
        first = at
        while first and _COMMENT.match(original[first - 1]):
            first -= 1
        code = stripped[at]
        if first == at or not re.search(r"\w", code) or _COMMENT.match(original[at]) or stripped.count(code) != 1:
            continue
        now = [line.strip() for line in made]
        if now.count(code) == 1 and not set(stripped[first:at]).intersection(now):
            place = now.index(code)
            above = now[place - 1] if place else ""
            if not _COMMENT.match(above):  # otherwise the model wrote another comment there
                made[place:place] = [read_indentation(made[place]) + line for line in stripped[first:at]]
    return made


def _find_docstring(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the index of a docstring's first line and of the line after it; None where there is no docstring."""
    body = _find_body(lines)
    if body is None:
        return None
    first = next((at for at in range(body, len(lines)) if lines[at].strip()), None)
    found = _QUOTES.match(lines[first]) if first is not None else None
    if first is None or found is None:
        return None
    rest = lines[first][found.end() :]
    if found["quotes"] in rest:
        return first, first + 1
    end = next((at for at in range(first + 1, len(lines)) if found["quotes"] in lines[at]), None)
    return (first, end + 1) if end is not None else None


def _find_body(lines: Sequence[str]) -> int | None:
    """Return the index of the line after the head of a function or class; None where it is not found."""
    head = next((at for at, line in enumerate(lines) if _HEAD.match(line)), None)
    if head is None:
        return None
    depth = 0
    for at in range(head, len(lines)):
        line = re.sub(r"#.*|'[^']*'|\"[^\"]*\"", "", lines[at])
        depth += sum(line.count(one) for one in "([{") - sum(line.count(one) for one in ")]}")
        if depth <= 0 and line.rstrip().endswith(":"):
            return at + 1
    return None
