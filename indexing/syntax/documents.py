"""Records of a text at one version, and of spans, definitions and imports in it.

Offsets are code points, spans are half-open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.syntax.languages import Language


@dataclass(frozen=True, slots=True)
class Document:
    """A text in an editor at one version (a frozen snapshot).

    Attributes:
        uri: opaque identity, which untitled documents and notebook cells have as well.
        path: absolute path when the document is a file on disk, else None.
        language: name of the language (`indexing.syntax.languages`), "text" when unknown.
        text: the whole text, with its own line endings.
        version: the editor's version number.
        origins: further files that the document belongs to: the file of which it is a version, the notebook of a cell;
            absolute, or relative to some workspace folder. An excluded file excludes the document too.
        cell: whether it is a cell of the notebook that is the first of `origins`.
    """

    uri: str
    path: Path | None
    language: str
    text: str
    version: int = 0
    origins: tuple[Path, ...] = ()
    cell: bool = False

    @property
    def entry(self) -> Language:
        """Facts about the document's language; those of plain text when it is unknown."""
        from indexing.syntax import languages  # noqa: PLC0415 (documents are made before the first answer is due)

        return languages.get(self.language)


@dataclass(frozen=True, slots=True)
class Span:
    """Code-point offsets into a text: [start, end)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition of a name.

    Attributes:
        name: the identifier itself.
        kind: "function", "method", "class", "constant", "variable", "module", "type", "interface" or "macro".
        span: the whole definition.
        container: qualified name of the definition around it, "" at the top level.
        signature: its head on one line (`def area(self, scale: float) -> float`), cut at 200 characters.
    """

    name: str
    kind: str
    span: Span
    container: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement.

    Attributes:
        module: as written.
        names: the names that it binds; of a renamed one, the alias.
        span: the whole statement, None if unknown; left out when two imports are compared.
    """

    module: str
    names: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)
