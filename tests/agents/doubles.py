"""An index in memory, and builders of documents, places and hits; for tests of `agents/`."""

# ruff: noqa: ARG002 - the methods have the index's own signatures

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from indexing.records import Hit, Query, Recalled
from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames
from indexing.syntax.documents import Document
from indexing.workspace import access
from tests import marked
from tests.indexing.resolution.workspaces import TextFiles

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT = Path("/workspace")


class DocumentAccess:
    """The methods of an index that decide by `find_exclusion_reason` which documents a model may see."""

    def find_exclusion_reason(self, path: Path) -> str:
        """Return why the file is excluded, "" if it is not."""
        raise NotImplementedError

    def find_withholding_reason(self, document: Document) -> str:
        reason = access.find_reason(document, self.find_exclusion_reason)
        return "" if reason in access.ALONE else reason

    def is_shared(self, document: Document) -> bool:
        return not access.find_reason(document, self.find_exclusion_reason)


@dataclass
class MemoryIndex(DocumentAccess):
    """An index that answers with the records that a test has put into it."""

    recalled: tuple[Recalled, ...] = ()
    hits: tuple[Hit, ...] = ()
    defined: tuple[Hit, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    related: tuple[Hit, ...] = ()
    libraries: tuple[Hit, ...] = ()
    qualified: dict[str, tuple[Hit, ...]] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    search_s: float = 0.0
    queries: list[Query] = field(default_factory=list)

    def find_exclusion_reason(self, path: Path) -> str:
        return self.excluded.get(path.name, "")

    def explain(self, path: Path) -> str:
        return f"{path.name} is left out ({self.find_exclusion_reason(path)})."

    def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        self.queries.append(query)
        time.sleep(self.search_s)
        return self.hits[:limit]

    def cache_tokens(self, document: Document) -> None:
        pass

    def recall(
        self,
        document: Document,
        offset: int,
        *,
        whole_block: bool = False,
        limit: int = 5,
        deadline: float | None = None,
    ) -> tuple[Recalled, ...]:
        return self.recalled[:limit]

    def open_names(
        self, document: Document, offset: int, *, deadline: float | None = None, libraries: bool = False
    ) -> DocumentNames | None:
        if not document.entry.resolution:
            return None
        return DocumentNames(
            document.text,
            offset,
            language=document.language,
            root="",
            relative=document.path.name if document.path is not None else "",
            key=None,
            files=TextFiles(self.files),
            tables=TableCache(),
            deadline=deadline,
        )

    def find_definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        return tuple(hit for hit in self.defined if hit.name in names)[:limit]

    def find_related_definitions(
        self, document: Document, offset: int, *, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        return self.related[:limit]

    def find_used_library_definitions(
        self, document: Document, offset: int, *, limit: int, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        return self.libraries[:limit]

    def find_qualified(self, written: str, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        return self.qualified.get(written, ())[:limit]


def make_document(text: str, language: str = "python", name: str = "main.py", version: int = 0) -> Document:
    path = ROOT / name
    return Document(path.as_uri(), path, language, text, version)


def parse_place(fixture: str, language: str = "python") -> tuple[Document, int]:
    """Return the document of a fixture and the offset of its `$0`."""
    case = marked.parse(fixture)
    assert case.cursor is not None
    return make_document(case.text, language, case.cursor[0]), case.cursor[1]


def parse_cursor(fixture: str, language: str = "python") -> Cursor:
    """Return the cursor at the `$0` of a fixture."""
    document, offset = parse_place(fixture, language)
    return Cursor.at(document, offset)


def make_hit(relative: str, text: str, name: str = "", first_line: int = 0) -> Hit:
    return Hit(ROOT / relative, relative, first_line, first_line + text.count("\n") + 1, text, 1.0, name)


def make_recalled(
    text: str, *, matched: int = 16, agreement: float = 1.0, votes: int = 3, confidence: float = 0.0
) -> Recalled:
    return Recalled(text, matched, agreement, votes, same_file=True, source="other.py", confidence=confidence)
