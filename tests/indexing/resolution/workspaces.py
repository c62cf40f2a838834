"""Small workspaces as strings, and the names of the document at their cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames
from indexing.resolution.paths import Paths
from indexing.syntax import languages
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexing.resolution.paths import FileKey


class TextFiles:
    """The files of a workspace in memory; `read_paths` lists the paths that were read."""

    def __init__(self, files: Mapping[str, str], root: str = "") -> None:
        self._files = files
        paths = Paths((path, (root, number)) for number, path in enumerate(files))
        self.paths = {root: paths.bind(lambda key: list(files.values())[key[1]])}
        self.read_paths: list[str] = []

    def read(self, key: FileKey) -> tuple[str, str, str] | None:
        """Return the path, the language and the text of a file."""
        path = list(self._files)[key[1]]
        self.read_paths.append(path)
        return path, languages.detect_by_name(path), self._files[path]


def open_names(
    fixture: str, *, deadline: float | None = None, tables: TableCache | None = None, files: TextFiles | None = None
) -> DocumentNames:
    """Return the names at the cursor `$0` of a fixture (`tests/marked.py`)."""
    marked = parse(fixture)
    assert marked.cursor is not None
    path, offset = marked.cursor
    return DocumentNames(
        marked.text,
        offset,
        language=languages.detect_by_name(path),
        root="",
        relative=path,
        key=("", list(marked.files).index(path)),
        files=files or TextFiles(marked.files),
        tables=tables or TableCache(),
        deadline=deadline,
    )


def find(fixture: str) -> list[str]:
    """Return what the name at the cursor can mean, as "path:line qualified.name" with lines from 1."""
    return [f"{each.relative}:{each.line + 1} {each.qualified}" for each in open_names(fixture).find_definitions()]


def list_members(fixture: str) -> list[str]:
    """Return the members of the receiver before the cursor; [] if it has no known type."""
    receiver = open_names(fixture).find_receiver()
    return [each.name for each in receiver.members] if receiver is not None else []
