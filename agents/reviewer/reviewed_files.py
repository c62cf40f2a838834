"""The files of a folder that are reviewed, selected by the index's exclusion rules and read as documents.

Follows no link, skips what `.gitignore`, the settings or the built-in rules exclude, writes nothing. Start at
`list_files`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from indexing.syntax import languages, texts
from indexing.syntax.documents import Document
from indexing.workspace.built_in_reasons import find_content_reason
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.files import read_regular
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from indexing.limits import IndexLimits
    from indexing.workspace.walk import WalkedFile


def list_files(
    folder: Path, limits: IndexLimits, *, seen: WalkCounts | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Path, WalkedFile]]:
    """Yield the files of `folder` that no exclusion rule skips, each with its path, in a stable order.

    Counts the skipped ones in `seen`, by reason. Ends early if `cancelled`. Reads no file: `read_document` finds the
    reasons in its content.

    Raises:
        OSError: the folder itself cannot be read.
    """
    exclusion = Exclusion(folder, limits)
    for found in walk(exclusion, limits, seen if seen is not None else WalkCounts(), cancelled):
        yield exclusion.root / found.relative, found


def read_document(path: Path, limits: IndexLimits, waived: Collection[str] = ()) -> Document | str:
    """Return the file as a document, or the reason why it is not reviewed ("binary", "minified", "unreadable", ...).

    Reasons in `waived` do not exclude it, as far as `find_content_reason` lets them be waived.
    """
    try:
        data, _ = read_regular(path, limits.max_file_bytes + 1)
    except OSError:
        return "unreadable"
    if reason := find_content_reason(data, limits, path.name, waived):
        return reason
    text = texts.decode(data)
    return Document(path.as_uri(), path, languages.detect(path, text), text)


def resolve_path(path: Path) -> Path:
    """Return `path` as an absolute path without links; it need not exist."""
    return type(path)(os.path.realpath(path))
