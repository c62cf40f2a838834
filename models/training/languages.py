"""Languages of files, and checks whether their texts parse.

Python is parsed by Python's own parser, the others by tree-sitter. Start at `is_parsable` and `find_token_ends`.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import tree_sitter_c
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language, Parser

from starling_python import parse_python

if TYPE_CHECKING:
    from tree_sitter import Node

_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".tsx": "tsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".c": "c",
    ".h": "c",
}
_GRAMMARS = {
    "c": tree_sitter_c.language,
    "go": tree_sitter_go.language,
    "java": tree_sitter_java.language,
    "javascript": tree_sitter_javascript.language,
    "rust": tree_sitter_rust.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "tsx": tree_sitter_typescript.language_tsx,
}


def find_language(path: str) -> str:
    """Return the language of a file by the ending of its path; "" for a language that is not used for training."""
    return _LANGUAGES.get(PurePosixPath(path).suffix, "")


def is_parsable(path: str, text: str) -> bool:
    """Return whether `text` parses without an error in the language of the file `path`; False for other languages."""
    language = find_language(path)
    if language != "python":
        return bool(language) and not _load_parser(language).parse(text.encode()).root_node.has_error
    try:
        parse_python(text)
    except SyntaxError:
        return False
    return True


def find_token_ends(path: str, text: str) -> dict[int, list[int]]:
    """Return the columns where tokens end, by line from 0, in a language that tree-sitter parses.

    Lines with a comment, a token that spans lines, or non-ASCII text are left out.
    """
    lines = text.split("\n")
    ends: defaultdict[int, list[int]] = defaultdict(list)
    unwanted = {number for number, line in enumerate(lines) if not line.isascii()}
    pending: list[Node] = [_load_parser(find_language(path)).parse(text.encode()).root_node]
    while pending:
        node = pending.pop()
        first, last = node.start_point.row, node.end_point.row
        is_one_line = first == last
        if "comment" in node.type or (not node.child_count and not is_one_line):
            unwanted.update(range(first, last + 1))
        elif node.child_count:
            pending.extend(reversed(node.children))
        elif node.end_byte > node.start_byte:
            ends[first].append(node.end_point.column)
    return {number: found for number, found in ends.items() if number not in unwanted}


@cache
def _load_parser(language: str) -> Parser:
    """Return the tree-sitter parser of a language; loaded once."""
    return Parser(Language(_GRAMMARS[language]()))
