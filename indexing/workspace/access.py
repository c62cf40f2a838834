"""The decision whether a document may be shown to a model, by the paths that it stands for and by its text.

The result is a reason. "" means shared: the document may be indexed and may be part of any prompt. A reason in `ALONE`
(no path, outside of every workspace folder, another version of a file) means that it may be part of a prompt about
itself only. Any other reason withholds it. Start at `find_reason`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from indexing.workspace import exclusion
from indexing.workspace.secrets.secret_files import holds_secret, is_secret_folder, is_secret_path, is_secrets_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from indexing.syntax.documents import Document

_MOST_KNOWN = 1000
_MOST_TEXTS = 32
OUTSIDE = "outside"
NO_FILE = "no file"
ALONE = frozenset({OUTSIDE, NO_FILE})
"""Reasons for which a document may be part of prompts about itself, and of no others."""

# Reasons of a file's own bytes, which do not apply to its cells or other versions.
OF_BYTES = frozenset({"too large", "binary", "minified", "generated", "long lines", "lock file", "notebook", "special"})
_OUTPUTS = (
    "vscode-notebook-cell-output",
    "vscode-notebook-cell-metadata",
    "vscode-notebook-output",
    "vscode-notebook-metadata",
)


class AccessCache:
    """Cached decisions about documents, so that a decision at each key costs little. Thread-safe.

    The decision by paths is reused for two seconds, the decision by text as long as the text is the same.
    """

    def __init__(self, excluded: Callable[[Path], str]) -> None:
        self._excluded = excluded
        self._paths: dict[tuple[str, Path | None, tuple[Path, ...], bool], tuple[float, str]] = {}
        self._texts: dict[str, tuple[str, bool]] = {}

    def find_reason(self, document: Document) -> str:
        """Return the reason to withhold `document`, as the function `find_reason`, from the cache where possible."""
        reason = self._find_reason_by_paths(document)
        if reason in {"", *ALONE} and self._is_secret_by_text(document):
            return "secret"
        return reason

    def forget(self, uri: str) -> None:
        """Release the text of a closed document."""
        self._texts.pop(uri, None)

    def _find_reason_by_paths(self, document: Document) -> str:
        """Return `find_reason_by_paths` of `document`, from the cache for two seconds."""
        now = time.monotonic()
        key = (document.uri, document.path, document.origins, document.cell)
        known = self._paths.get(key)
        if known is None or now - known[0] >= exclusion.FRESH_S:
            if len(self._paths) > _MOST_KNOWN:
                self._paths = {}
            known = self._paths[key] = (now, find_reason_by_paths(document, self._excluded))
        return known[1]

    def _is_secret_by_text(self, document: Document) -> bool:
        """Return `is_secret_text` of `document`, from the cache while the text is the same."""
        known = self._texts.get(document.uri)
        if known is None or known[0] is not document.text:
            if len(self._texts) > _MOST_TEXTS:
                self._texts = {}
            known = self._texts[document.uri] = (document.text, is_secret_text(document))
        return known[1]


def find_reason(document: Document, excluded: Callable[[Path], str]) -> str:
    """Return the reason to withhold `document`, "" if it is shared.

    A document with a reason of `ALONE` may be in prompts about itself. `excluded` returns the reason of the exclusion
    filter for a path.
    """
    reason = find_reason_by_paths(document, excluded)
    return "secret" if reason in {"", *ALONE} and is_secret_text(document) else reason


def find_reason_by_paths(document: Document, excluded: Callable[[Path], str]) -> str:
    """Return the reason to withhold `document` by its paths alone, with the same meaning as that of `find_reason`."""
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
    """Return whether the text of a document, saved or not, holds a secret for which it is withheld."""
    named = (document.path, *document.origins) if document.path is not None else document.origins
    name = next((path.name for path in named if is_secrets_module(path.name)), "")
    return holds_secret(document.text, name)


def find_relative_reason(path: Path, exclusions: Mapping[Path, Callable[[Path], str]]) -> str:
    """Return "secret" or the first reason to exclude the relative `path` in a root of `exclusions`; else `NO_FILE`.

    `exclusions` holds, for each root, the function that returns the reason for an absolute path in it. `path` is never
    resolved against the current directory.
    """
    if is_secret_path(path.as_posix()) or any(map(is_secret_folder, path.parts[:-1])):
        return "secret"
    reasons = (explain(root / path) for root, explain in exclusions.items())
    return next((reason for reason in reasons if reason and reason not in ALONE), NO_FILE)
