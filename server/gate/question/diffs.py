"""What a person reads before the answer: the changes of a proposal as one unified diff. Start at `of_proposal`."""

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


def of_proposal(proposal: ProposedEdit, roots: Sequence[Path]) -> str:
    """All changes, as `git diff` would show them; paths relative to the innermost of `roots`."""
    return "".join(_of_change(change, roots) for change in proposal.changes)


def shown_path(path: PurePath, roots: Sequence[Path]) -> str:
    """`path` as a person knows it: relative to its workspace folder."""
    holding = [root for root in roots if path.is_relative_to(root)]
    return path.relative_to(max(holding, key=lambda root: len(root.parts))).as_posix() if holding else str(path)


def _of_change(change: Change, roots: Sequence[Path]) -> str:
    match change:
        case TextChange():
            name = shown_path(change.path, roots) if change.path is not None else change.uri
            return _unified(f"a/{name}", f"b/{name}", change.before, change.after)
        case CreateFile():
            return _unified(NOWHERE, f"b/{shown_path(change.path, roots)}", "", change.text)
        case DeleteFile():
            return _unified(f"a/{shown_path(change.path, roots)}", NOWHERE, change.before, "")
        case RenameFile():
            return f"rename from {shown_path(change.path, roots)}\nrename to {shown_path(change.to, roots)}\n"


def _unified(name: str, new_name: str, before: str, after: str) -> str:
    plain = all("\n" not in text.replace("\r\n", "") for text in (before, after))  # one kind of line ending: no news
    lines = list(difflib.unified_diff(_lines(before, plain), _lines(after, plain), name, new_name, lineterm=""))
    head = lines or [f"--- {name}", f"+++ {new_name}"]  # an empty file comes or goes
    return "".join(f"{line}\n" for line in _marked(head))


def _lines(text: str, plain: bool) -> list[str]:  # noqa: FBT001 (internal)
    """The lines; where endings differ, the odd ones are made visible."""
    *lines, last = text.replace("\r\n", "\n" if plain else "␍\n").split("\n")
    return [*lines, last + "\0"] if last else lines


def _marked(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield line.removesuffix("\0")
        if line.endswith("\0"):
            yield NO_NEWLINE
