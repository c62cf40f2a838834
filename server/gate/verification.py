"""The comparison of the documents with a proposal after the client has applied it. Start at `observe_changes`.

Some clients report success although the person said no, or although they applied only a part, so only the texts count.
Reads, never writes.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate import rebasing
from server.gate.disk import contents
from server.gate.ports import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.gate.ports import Workplace

_SHOWN = 60  # characters of a difference
LOOK_AGAIN_S = 0.02  # before the documents are read a second time; doubles after each reading


@dataclass(frozen=True, slots=True)
class ObservedChange:
    """One change as found in the documents after applying.

    Attributes:
        change: the part of the change that was made (of a text change: the edits found in the text); None for nothing.
        whole: whether the whole change was made.
        text: the current text, None if there is no document.
        unexpected: whether the text has differences that neither the old text nor the proposed edits explain.
        added: description of text that was not approved, for a person; "" for none.
    """

    change: Change | None
    whole: bool
    text: str | None
    unexpected: bool = False
    added: str = ""


async def observe_changes(
    workplace: Workplace, changes: Sequence[Change], before: Sequence[Content | None], *, wait_s: float
) -> tuple[ObservedChange, ...]:
    """Return each of `changes` as found in the documents; `before` holds the files' contents before applying.

    Reads the documents again for up to `wait_s` seconds until all changes are found whole, because editors report
    changes with a delay.
    """
    end, pause = time.monotonic() + wait_s, LOOK_AGAIN_S
    while True:
        found = [await _observe_change(workplace, change, old) for change, old in zip(changes, before, strict=True)]
        if all(one.whole for one in found) or time.monotonic() >= end:
            return tuple(found)
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause *= 2


def judge_changes(found: Sequence[ObservedChange]) -> Verdict:
    """Return APPLIED if all changes were made completely, REJECTED if nothing was changed, else PARTLY."""
    if all(one.whole for one in found):
        return Verdict.APPLIED
    return Verdict.PARTLY if any(one.change is not None or one.unexpected for one in found) else Verdict.REJECTED


def describe_additions(names: Sequence[str], found: Sequence[ObservedChange]) -> str:
    """Return a message about the files with text that nobody approved; "" if there is none."""
    added = [f"in {name} {one.added}" for name, one in zip(names, found, strict=True) if one.added]
    if not added:
        return ""
    return f"There is text that was not approved: {'; '.join(added)}. Check it; undo does not remove it."


def list_unsaved(names: Sequence[str], found: Sequence[ObservedChange]) -> tuple[str, ...]:
    """Return the names of the changed files that the editor has not saved: their text on the disk differs; blocking."""
    return tuple(
        name
        for name, one in zip(names, found, strict=True)
        if isinstance(one.change, TextChange | CreateFile)
        and one.change.path
        and _read_file(one.change.path) != one.text
    )


def _read_file(path: Path) -> str | None:
    """Return the text of the file at `path`, None if it does not exist or cannot be read."""
    try:
        content = contents.read(path)
    except OSError:
        return None
    return None if content is None else content.text


async def _observe_change(workplace: Workplace, change: Change, before: Content | None) -> ObservedChange:
    """Return `change` as found in the documents; `before` is the file's content before applying."""
    match change:
        case TextChange():
            return _observe_text(change, await _read(workplace, change.uri, change))
        case CreateFile():
            current = await _read(workplace, change.path.as_uri(), change)
            made = current is not None or await asyncio.to_thread(_is_file, change.path)
            whole = made and current == change.text
            # a file created with another text counts as made with that text, so that it can be undone
            unexpected = made and not whole
            added = _describe_difference(change.text, current or "") if unexpected else ""
            return ObservedChange(
                replace(change, text=current or "") if made else None, whole, current, unexpected, added
            )
        case DeleteFile():
            gone = not await asyncio.to_thread(_exists, change.path)
            return ObservedChange(change if gone else None, gone, None if gone else change.before)
        case RenameFile():
            assert before is not None  # noqa: S101 (a renamed file existed before)
            moved = await asyncio.to_thread(_is_moved, change)
            return ObservedChange(change if moved else None, moved, before.text)


def _observe_text(change: TextChange, current: str | None) -> ObservedChange:
    """Return `change` as found in the current text `current`, with only the edits that were made.

    `current` is None if there is no document.
    """
    if current in {change.after, change.before}:
        whole = current == change.after
        return ObservedChange(change if whole else None, whole=whole, text=current)
    if current is None:
        return ObservedChange(None, whole=False, text=None, unexpected=True)
    if (made := rebasing.match_edits(change.before, change.edits, current)) is not None:
        edits = tuple(edit for edit, done in zip(change.edits, made, strict=True) if done)
        return ObservedChange(replace(change, edits=edits), whole=False, text=current)
    return _observe_edited_text(change, current)


def _observe_edited_text(change: TextChange, current: str) -> ObservedChange:
    """Return `change` as found in `current`, a text with other differences, too.

    The change was made if its edits could be undone in `current`, and not made if they could still be applied; else it
    is `unexpected`.
    """
    back = rebasing.invert_edits(change.before, change.edits)
    if rebasing.rebase(change.after, back, current) is not None:
        return ObservedChange(change, whole=True, text=current, added=_describe_difference(change.after, current))
    if rebasing.rebase(change.before, change.edits, current) is not None:
        return ObservedChange(None, whole=False, text=current)
    added = _describe_difference(change.after, current)
    return ObservedChange(change, whole=False, text=current, unexpected=True, added=added)


def _describe_difference(approved: str, current: str) -> str:
    """Return a phrase about the first line of `current` that differs from `approved`, and how many more places do.

    Returns "" if both are equal.
    """
    edits = rebasing.compute_edits(approved, current)
    if not edits:
        return ""
    line = approved.count("\n", 0, edits[0].start) + 1
    text = " ".join(edits[0].text.split())
    shown = f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text
    phrase = f"line {line} holds `{shown}`" if shown else f"line {line} is not as approved"
    more = len(edits) - 1
    return f"{phrase}, and {more} more place{'s' * (more > 1)}" if more else phrase


def _is_moved(change: RenameFile) -> bool:
    """Return whether the file has its new name and no longer its old one; blocking."""
    return not _exists(change.path) and _exists(change.to)


def _exists(path: Path) -> bool:
    """Return whether a file or folder has exactly this name; False for one in another case, on any disk; blocking."""
    try:
        return path.name in os.listdir(path.parent)  # noqa: PTH208 (names only)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    """Return whether a regular file has exactly this name; False for a name in another case, on any disk; blocking."""
    return _exists(path) and path.is_file()


async def _read(workplace: Workplace, uri: str, change: TextChange | CreateFile) -> str | None:
    """Return the current text of the changed document, None if there is none or it cannot be read."""
    try:
        return await workplace.read_text(uri, change.path)
    except OSError:
        return None
