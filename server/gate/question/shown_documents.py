"""The documents in which an editor shows a question: under `starling:` URIs, or as files in Starling's cache.

Editors fetch `starling:` documents with `workspace/textDocumentContent`; the files are for editors that cannot. Keeps
the documents of the `KEPT` newest questions. Writes to no workspace. Start at `ShownDocuments.put`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starling_files import write_file

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = "starling"
KEPT = 20
NOT_IN_NAMES = re.compile(r"[^\w-]+", re.ASCII)


class ShownDocuments:
    """The texts of the newest questions, by URI; for the event loop only, because it is not thread-safe."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put(self, name: str, text: str) -> str:
        """Store `text` under a URI made from `name` and return the URI; evict the oldest texts beyond `KEPT`."""
        uri = f"{SCHEME}:/questions/{_sanitize(name)}.diff"
        self._texts.pop(uri, None)
        self._texts[uri] = text
        for oldest in list(self._texts)[:-KEPT]:
            del self._texts[oldest]
        return uri

    def get(self, uri: str) -> str | None:
        """Return the text of a URI; None if it was evicted or never shown."""
        return self._texts.get(uri)


def write_document(folder: Path, name: str, text: str) -> Path | None:
    """Write `text` to a `.diff` file in `folder` named after `name`; return its path, None if that fails; blocking.

    Deletes the oldest documents in the folder beyond `KEPT`.
    """
    path = folder / f"{_sanitize(name)}.diff"
    try:
        write_file(path, text.encode("utf-8", "replace"))
        for oldest in sorted(folder.glob("*.diff"), key=lambda one: one.stat().st_mtime_ns)[:-KEPT]:
            oldest.unlink()
    except OSError:  # a full disk, or another server deleted an old file at the same time
        return path if path.exists() and path.stat().st_size == len(text.encode("utf-8", "replace")) else None
    return path


def _sanitize(name: str) -> str:
    """Return `name` for a URI or file: at most 80 characters, all but letters, digits, _ and - replaced by dashes."""
    return NOT_IN_NAMES.sub("-", name)[:80]
