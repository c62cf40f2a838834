"""What really became of a proposal: the documents afterwards, held against what was proposed. Start at `seen`.

Clients say "applied" after a person said no, and apply a part; only the texts tell. Reads, never writes.
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
LOOK_AGAIN_S = 0.02  # between two looks, growing


@dataclass(frozen=True, slots=True)
class Seen:
    """One change, afterwards.

    Attributes:
        change: the part of it that was made; of text changes only the edits that stand there. None for nothing.
        whole: whether that is all of it.
        text: the text as it stands now, None for none.
        odd: whether the text is neither what it was nor what was proposed, nor a part of it.
        added: what stands there beside what was approved, for a person; "" for nothing.
    """

    change: Change | None
    whole: bool
    text: str | None
    odd: bool = False
    added: str = ""


async def seen(
    workplace: Workplace, changes: Sequence[Change], before: Sequence[Content | None], *, wait_s: float
) -> tuple[Seen, ...]:
    """Each change as it stands now; what is not whole is looked at again for `wait_s`, as news may be on its way."""
    end, pause = time.monotonic() + wait_s, LOOK_AGAIN_S
    while True:
        found = [await _seen(workplace, change, old) for change, old in zip(changes, before, strict=True)]
        if all(one.whole for one in found) or time.monotonic() >= end:
            return tuple(found)
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause *= 2


def verdict(found: Sequence[Seen]) -> Verdict:
    """What became of the whole: APPLIED, PARTLY, or REJECTED where nothing changed."""
    if all(one.whole for one in found):
        return Verdict.APPLIED
    return Verdict.PARTLY if any(one.change is not None or one.odd for one in found) else Verdict.REJECTED


def additions(names: Sequence[str], found: Sequence[Seen]) -> str:
    """Say what the texts hold beside what was approved, "" where that is nothing."""
    said = [f"in {name} {one.added}" for name, one in zip(names, found, strict=True) if one.added]
    if not said:
        return ""
    return f"There is text that was not approved: {'; '.join(said)}. Look at it; undoing leaves it there."


def unsaved(names: Sequence[str], found: Sequence[Seen]) -> tuple[str, ...]:
    """Which of the changed files the disk does not hold as they were seen: an editor has them; blocking."""
    return tuple(
        name
        for name, one in zip(names, found, strict=True)
        if isinstance(one.change, TextChange | CreateFile) and one.change.path and _held(one.change.path) != one.text
    )


def _held(path: Path) -> str | None:
    try:
        content = contents.read(path)
    except OSError:
        return None
    return None if content is None else content.text


async def _seen(workplace: Workplace, change: Change, before: Content | None) -> Seen:
    match change:
        case TextChange():
            return _text(change, await _read(workplace, change.uri, change))
        case CreateFile():
            now = await _read(workplace, change.path.as_uri(), change)
            made = now is not None or await asyncio.to_thread(_is_file, change.path)
            whole = made and now == change.text
            # what was made with another text is ours all the same; it can be undone as it stands
            odd = made and not whole
            added = _difference(change.text, now or "") if odd else ""
            return Seen(replace(change, text=now or "") if made else None, whole, now, odd, added)
        case DeleteFile():
            gone = not await asyncio.to_thread(_stands, change.path)
            return Seen(change if gone else None, gone, None if gone else change.before)
        case RenameFile():
            assert before is not None  # noqa: S101 (a file that moves was there)
            moved = await asyncio.to_thread(_moved, change)
            return Seen(change if moved else None, moved, before.text)


def _text(change: TextChange, now: str | None) -> Seen:
    if now in {change.after, change.before}:
        whole = now == change.after
        return Seen(change if whole else None, whole=whole, text=now)
    if now is None:
        return Seen(None, whole=False, text=None, odd=True)
    if (made := rebasing.made(change.before, change.edits, now)) is not None:
        edits = tuple(edit for edit, done in zip(change.edits, made, strict=True) if done)
        return Seen(replace(change, edits=edits), whole=False, text=now)
    return _typed_in(change, now)


def _typed_in(change: TextChange, now: str) -> Seen:
    """Judge a text that holds what nobody proposed: our lines are there, or the old ones are, or nobody can tell."""
    back = rebasing.inverted(change.before, change.edits)
    if rebasing.rebased(change.after, back, now) is not None:
        return Seen(change, whole=True, text=now, added=_difference(change.after, now))
    if rebasing.rebased(change.before, change.edits, now) is not None:
        return Seen(None, whole=False, text=now)
    return Seen(change, whole=False, text=now, odd=True, added=_difference(change.after, now))


def _difference(approved: str, now: str) -> str:
    """Name where `now` differs from what was approved: the first line, and how many places more."""
    edits = rebasing.edits_between(approved, now)
    if not edits:
        return ""
    line = approved.count("\n", 0, edits[0].start) + 1
    held = " ".join(edits[0].text.split())
    shown = f"{held[:_SHOWN]}…" if len(held) > _SHOWN else held
    what = f"line {line} holds `{shown}`" if shown else f"line {line} is not what it would be"
    more = len(edits) - 1
    return f"{what}, and {more} more place{'s' * (more > 1)}" if more else what


def _moved(change: RenameFile) -> bool:
    return not _stands(change.path) and _stands(change.to)


def _stands(path: Path) -> bool:
    """Whether a file of exactly this name is there, also where the disk ignores case."""
    try:
        return path.name in os.listdir(path.parent)  # noqa: PTH208 (names only)
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    """Whether a file of exactly this name is there; a folder of that name is nobody's proposal."""
    return _stands(path) and path.is_file()


async def _read(workplace: Workplace, uri: str, change: TextChange | CreateFile) -> str | None:
    try:
        return await workplace.text(uri, change.path)
    except OSError:
        return None
