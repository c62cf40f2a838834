"""The languages Starling knows, and how a file's language is told from its name, its first line or an editor's id.

Each language is one `Language` in a module of this package, which holds every fact about it; no other module needs to
name a language. Loads no grammar (that is `indexing.syntax.grammars`) and reads no file. Start at `get` and `detect`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.syntax.languages import declarative, dynamic, managed, scripts, systems
from indexing.syntax.languages.language import PLAIN, TEXT, DocComment, Kind, Language, Trait

if TYPE_CHECKING:
    from pathlib import PurePath

__all__ = [
    "LANGUAGES",
    "NAMES",
    "PLAIN",
    "TEXT",
    "DocComment",
    "Kind",
    "Language",
    "Trait",
    "detect",
    "detect_by_name",
    "detect_by_shebang",
    "find_by_fence",
    "get",
    "resolve_id",
]

LANGUAGES: tuple[Language, ...] = (
    *dynamic.LANGUAGES,
    *scripts.LANGUAGES,
    *systems.LANGUAGES,
    *managed.LANGUAGES,
    *declarative.LANGUAGES,
)

_ALL = (*LANGUAGES, PLAIN)
_BY_NAME = {each.name: each for each in _ALL}
_BY_ID = {key: each.name for each in _ALL for key in (each.name, *each.ids)}
_BY_FENCE = {key: each for each in _ALL for key in (each.name, *each.ids, *each.fences)}
_BY_EXTENSION = {key: each.name for each in _ALL for key in each.extensions}
_BY_FILENAME = {key: each.name for each in _ALL for key in each.filenames}
_BY_SHEBANG = {key: each.name for each in _ALL for key in each.shebangs}
# compiled at its first use: every start of the server imports this module, few texts have a shebang
_SHEBANG = r"#!\s*(?:\S*/)?(?:env\s+(?:-\S+\s+)*(?:\S*/)?)?([a-zA-Z][\w-]*?)[\d.]*(?:\s|$)"
_SHEBANG_LENGTH = 256  # characters; Linux reads no more of a first line

NAMES: tuple[str, ...] = tuple(each.name for each in LANGUAGES)


def get(name: str) -> Language:
    """Return the entry of the language `name`; the entry of plain text for a name that is not known."""
    return _BY_NAME.get(name, PLAIN)


def resolve_id(language_id: str) -> str:
    """Return the name of the language with the LSP id `language_id`; "text" for an id that is not known."""
    return _BY_ID.get(language_id, TEXT)


def find_by_fence(tag: str) -> Language | None:
    """Return the language that `tag`, in lower case, names after the fence of a code block; None if it names none."""
    return _BY_FENCE.get(tag)


def detect(path: PurePath, text: str = "") -> str:
    """Return the name of the language of a file, by its name or else the shebang of `text`; "text" if unknown."""
    known = detect_by_name(path.name)
    if known != TEXT or not text.startswith("#!"):
        return known
    return detect_by_shebang(text[:_SHEBANG_LENGTH].split("\n", 1)[0])


def detect_by_name(filename: str) -> str:
    """Return the name of the language of a file called `filename`; "text" if its name and extension are not known."""
    if known := _BY_FILENAME.get(filename):
        return known
    dot = filename.rfind(".")
    return _BY_EXTENSION.get(filename[dot:].lower(), TEXT) if dot >= 0 else TEXT


def detect_by_shebang(first_line: str) -> str:
    """Return the name of the language whose interpreter a first line `#!...` names; "text" if none is known."""
    match = re.match(_SHEBANG, first_line[:_SHEBANG_LENGTH])
    return _BY_SHEBANG.get(match[1], TEXT) if match else TEXT
