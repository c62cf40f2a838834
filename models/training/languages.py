"""Which language a file is in, and whether its text is sound in it.

Python by its own parser, the others by tree-sitter's. Start at `is_sound`.
"""

from __future__ import annotations

import ast
import warnings
from functools import cache
from pathlib import PurePosixPath

import tree_sitter_c
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language, Parser

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


def language_of(path: str) -> str:
    """The language of a file by its name, "" for one that is not learned from."""
    return _LANGUAGES.get(PurePosixPath(path).suffix, "")


def is_sound(path: str, text: str) -> bool:
    """Whether the text parses without an error in the file's language."""
    language = language_of(path)
    if language != "python":
        return bool(language) and not _parser(language).parse(text.encode()).root_node.has_error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in old code are not our business
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@cache
def _parser(language: str) -> Parser:
    return Parser(Language(_GRAMMARS[language]()))
