"""What is shown to a person before the answer, as documents of the scheme `starling:` or as files of Starling's cache.

The editor fetches the former (`workspace/textDocumentContent`), the latter are for editors that cannot. Kept for the
newest questions only. Holds no path of a workspace. Start at `Shown.put`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starling_files import write_file

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = "starling"
KEPT = 20
ODD = re.compile(r"[^\w-]+", re.ASCII)


class Shown:
    """The texts by URI, newest last; touched by the event loop only."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put(self, name: str, text: str) -> str:
        """Show `text`; its URI."""
        uri = f"{SCHEME}:/questions/{_plain(name)}.diff"
        self._texts.pop(uri, None)
        self._texts[uri] = text
        for oldest in list(self._texts)[:-KEPT]:
            del self._texts[oldest]
        return uri

    def get(self, uri: str) -> str | None:
        """The text of a URI; None when it is not shown any more."""
        return self._texts.get(uri)


def write(folder: Path, name: str, text: str) -> Path | None:
    """Write `text` to a file in `folder`, and return its path; None if that fails. Blocking."""
    path = folder / f"{_plain(name)}.diff"
    try:
        write_file(path, text.encode("utf-8", "replace"))
        for oldest in sorted(folder.glob("*.diff"), key=lambda one: one.stat().st_mtime_ns)[:-KEPT]:
            oldest.unlink()
    except OSError:  # a full disk, or another server cleans up at the same time
        return path if path.exists() and path.stat().st_size == len(text.encode("utf-8", "replace")) else None
    return path


def _plain(name: str) -> str:
    return ODD.sub("-", name)[:80]
