"""Which models may see a document, by the paths that it stands for and by its own text. One decision for every door.

A file of the workspace that nothing keeps back is shared: it may be indexed, and be shown with whatever is asked about.
What has no path, or lies outside of every folder, or is another version of a file, is alone: it is shown to a model
when it is asked about itself, and never with another document. All else is withheld. Start at `reason_of`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from indexing.workspace import exclusion
from indexing.workspace.secrets.secret_files import holds_secret, is_module_of_secrets, is_secret_folder, is_secret_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.syntax.documents import Document

_MOST_KNOWN = 1000
_MOST_TEXTS = 32
OUTSIDE = "outside"
NO_FILE = "no file"
ALONE = frozenset({OUTSIDE, NO_FILE})
"""Reasons for which a document is shown when it is asked about itself, and with nothing else."""

# What is said of a file's own bytes, which a cell or another version does not share.
OF_BYTES = frozenset({"too large", "binary", "minified", "generated", "long lines", "lock file", "notebook", "special"})
_OUTPUTS = (
    "vscode-notebook-cell-output",
    "vscode-notebook-cell-metadata",
    "vscode-notebook-output",
    "vscode-notebook-metadata",
)


class Standing:
    """The decisions about documents, kept so that asking at each key costs next to nothing. Thread-safe.

    What the paths say is reused for two seconds, what a text says as long as it is the same.
    """

    def __init__(self, excluded: Callable[[Path], str]) -> None:
        self._excluded = excluded
        self._paths: dict[tuple[str, Path | None, tuple[Path, ...], bool], tuple[float, str]] = {}
        self._texts: dict[str, tuple[str, bool]] = {}

    def reason(self, document: Document) -> str:
        """Return what `reason_of` says."""
        reason = self._by_paths(document)
        if reason in {"", *ALONE} and self._by_text(document):
            return "secret"
        return reason

    def forget(self, uri: str) -> None:
        """Let go of the text of a document that was closed."""
        self._texts.pop(uri, None)

    def _by_paths(self, document: Document) -> str:
        now = time.monotonic()
        key = (document.uri, document.path, document.origins, document.cell)
        known = self._paths.get(key)
        if known is None or now - known[0] >= exclusion.FRESH_S:
            if len(self._paths) > _MOST_KNOWN:
                self._paths = {}
            known = self._paths[key] = (now, reason_of_paths(document, self._excluded))
        return known[1]

    def _by_text(self, document: Document) -> bool:
        known = self._texts.get(document.uri)
        if known is None or known[0] is not document.text:
            if len(self._texts) > _MOST_TEXTS:
                self._texts = {}
            known = self._texts[document.uri] = (document.text, is_secret_text(document))
        return known[1]


def reason_of(document: Document, excluded: Callable[[Path], str]) -> str:
    """Return why a document is not shared, "" when it is: one of `ALONE`, or the reason for which it is withheld."""
    reason = reason_of_paths(document, excluded)
    return "secret" if reason in {"", *ALONE} and is_secret_text(document) else reason


def reason_of_paths(document: Document, excluded: Callable[[Path], str]) -> str:
    """Return what `reason_of` says by the paths that a document stands for, whatever its text is."""
    if document.uri[:40].lower().startswith(_OUTPUTS):
        return "notebook output"
    own = excluded(document.path) if document.path is not None else ""
    if own and own not in ALONE:
        return own
    reasons = [excluded(origin) for origin in document.origins]
    kept = next((reason for reason in reasons if reason and reason not in ALONE | OF_BYTES), "")
    if kept or document.path is not None:
        return kept or own
    return "" if document.cell and reasons and reasons[0] in {"", *OF_BYTES} else NO_FILE


def is_secret_text(document: Document) -> bool:
    """Return whether a document's text, saved or not, is a secret; microseconds for an ordinary one."""
    named = (document.path, *document.origins) if document.path is not None else document.origins
    name = next((path.name for path in named if is_module_of_secrets(path.name)), "")
    return holds_secret(document.text, name)


def relative_reason(path: Path, exclusions: Sequence[Callable[[Path], str]], roots: Sequence[Path]) -> str:
    """Return the reason for a path of which nobody says where it begins: the strictest of all workspace folders.

    It is never looked up in the directory in which the program happens to run.
    """
    if is_secret_path(path.as_posix()) or any(map(is_secret_folder, path.parts[:-1])):
        return "secret"
    reasons = (ask(root / path) for ask, root in zip(exclusions, roots, strict=True))
    return next((reason for reason in reasons if reason and reason not in ALONE), NO_FILE)
