"""The changes of a proposal as one unified diff, which a person reads before answering. Start at `render_diff`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePath

    from agents.edits import Change, ProposedEdit

NOWHERE = "/dev/null"
NO_NEWLINE = "\\ No newline at end of file"


def render_diff(proposal: ProposedEdit, roots: Sequence[Path]) -> str:
    """Return a unified diff of all changes, like `git diff`, with paths relative to the innermost of `roots`."""
    return "".join(_render_change(change, roots) for change in proposal.changes)


def shorten_path(path: PurePath, roots: Sequence[Path]) -> str:
    """Return `path` relative to the innermost of `roots` that holds it, or unchanged if none does."""
    holding = [root for root in roots if path.is_relative_to(root)]
    return path.relative_to(max(holding, key=lambda root: len(root.parts))).as_posix() if holding else str(path)


def _render_change(change: Change, roots: Sequence[Path]) -> str:
    """Return the diff of one change; for a renamed file only its old and new path."""
    match change:
        case TextChange():
            name = shorten_path(change.path, roots) if change.path is not None else change.uri
            return _render_text(f"a/{name}", f"b/{name}", change.before, change.after)
        case CreateFile():
            return _render_text(NOWHERE, f"b/{shorten_path(change.path, roots)}", "", change.text)
        case DeleteFile():
            return _render_text(f"a/{shorten_path(change.path, roots)}", NOWHERE, change.before, "")
        case RenameFile():
            return f"rename from {shorten_path(change.path, roots)}\nrename to {shorten_path(change.to, roots)}\n"


def _render_text(name: str, new_name: str, before: str, after: str) -> str:
    """Return the unified diff of two texts, with `name` and `new_name` in its header."""
    # without this, each line of a file with CRLF would show ␍
    same_endings = all("\n" not in text.replace("\r\n", "") for text in (before, after))
    lines = list(
        difflib.unified_diff(
            _split_lines(before, same_endings), _split_lines(after, same_endings), name, new_name, lineterm=""
        )
    )
    head = lines or [f"--- {name}", f"+++ {new_name}"]  # an empty file is created or deleted
    return "".join(f"{line}\n" for line in _mark_missing_newline(head))


def _split_lines(text: str, same_endings: bool) -> list[str]:  # noqa: FBT001 (internal)
    """Return the lines of `text`; a last line without a newline ends in NUL.

    A CR before a newline is removed if both texts have `same_endings` (CRLF), else shown as ␍.
    """
    *lines, last = text.replace("\r\n", "\n" if same_endings else "␍\n").split("\n")
    return [*lines, last + "\0"] if last else lines


def _mark_missing_newline(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a diff; replace a NUL at an end by the line `NO_NEWLINE`, which `git diff` writes too."""
    for line in lines:
        yield line.removesuffix("\0")
        if line.endswith("\0"):
            yield NO_NEWLINE
