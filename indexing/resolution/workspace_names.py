"""The names of the workspace's documents: holds the cached tables, and the paths of the files between two questions.

Start at `WorkspaceNames.open`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.files import TableCache, ViewFiles, list_paths
from indexing.resolution.names import DocumentNames
from indexing.segments import Ranked

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from indexing.resolution.paths import FileKey, Paths
    from indexing.resolution.records import FoundDefinition
    from indexing.segments import View
    from indexing.syntax.documents import Document


class WorkspaceNames:
    """Tables and paths kept between two questions. Thread-safe: values are immutable, the last one wins."""

    def __init__(self) -> None:
        self._tables = TableCache()
        self._paths: tuple[Hashable, dict[str, Paths]] | None = None

    def open(  # noqa: PLR0913 - the document, the place and the workspace
        self,
        view: View,
        document: Document,
        offset: int,
        *,
        home: tuple[str, str],
        key: FileKey | None,
        deadline: float | None,
    ) -> DocumentNames:
        """Return the names of `document` at `offset`.

        Args:
            view: the files of the workspace.
            document: the document.
            offset: the cursor, in code points.
            home: key of the document's root, and its path there.
            key: key of its stored version; None if it is not indexed.
            deadline: moment of `time.monotonic` after which no file is parsed; None for none.
        """
        known = self._paths
        if known is None or known[0] != view.files_key:
            self._paths = known = (view.files_key, list_paths(view))
        return DocumentNames(
            document.text,
            offset,
            language=document.language,
            root=home[0],
            relative=home[1],
            key=key,
            files=ViewFiles(view, known[1]),
            tables=self._tables,
            deadline=deadline,
        )


def list_chunks(view: View, found: Iterable[FoundDefinition]) -> list[Ranked]:
    """Return the chunks that begin the definitions `found`, in the same order and each once.

    Leaves out definitions in the edited document, and those in files that `view` does not have.
    """
    chunks: dict[tuple[FileKey, int], None] = {}
    for each in found:
        if each.key is None:
            continue
        try:
            ordinal = view.find_chunk(each.key, each.line)
        except KeyError:
            continue
        if ordinal is not None:
            chunks[each.key, ordinal] = None
    return [Ranked(key, ordinal, 1.0 / (1 + place)) for place, (key, ordinal) in enumerate(chunks)]
