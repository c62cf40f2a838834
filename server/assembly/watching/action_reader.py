"""Reads the log of actions: the newest ones that fit, from all files of the folder, in bounded memory.

Never writes. Lines that are no actions are counted and left out. Start at `read_actions`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starling_files import open_regular_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE = 200_000
"""Bytes of one line; longer ones are no actions."""

MARGIN_S = 1.0
"""Most seconds by which the last action of a file may be later than the file's own time of change."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selection of actions.

    Attributes:
        session: the first characters of the id of a session or queued task; "" for all.
        kinds: events, "call ended", or their first words, "call"; none for all.
        since: time from which on, in seconds since the epoch; None for all.
        limit: the most actions.
    """

    session: str = ""
    kinds: tuple[str, ...] = ()
    since: float | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Actions of the log.

    Attributes:
        actions: their fields, oldest first.
        more: whether older ones fit, too.
        unreadable: number of the lines that are no actions, in the files that were read.
    """

    actions: tuple[dict[str, Any], ...]
    more: bool
    unreadable: int


def read_actions(folder: Path, wanted: Wanted) -> Found:
    """Return the newest actions in `folder` that fit; none if there is no such folder. Blocking.

    A file that cannot be read is left out: another process may have deleted it meanwhile.
    """
    since = _format(wanted.since) if wanted.since is not None else ""
    newest: list[tuple[str, int, dict[str, Any]]] = []
    fitting = unreadable = 0
    for changed, path in _list_files(folder):
        latest = _format(changed + MARGIN_S)
        if latest < since or (fitting > wanted.limit and latest < newest[0][0]):
            break
        for line in _read_lines(path):
            action = _parse(line)
            if action is None:
                unreadable += 1
            elif action["at"] >= since and _fits(action, wanted):
                fitting += 1
                keep = heapq.heappush if len(newest) < wanted.limit else heapq.heappushpop
                keep(newest, (action["at"], fitting, action))
    return Found(tuple(action for _, _, action in sorted(newest)), fitting > wanted.limit, unreadable)


def _list_files(folder: Path) -> list[tuple[float, Path]]:
    """Return the time of the last change and the path of each file with actions, newest first."""
    found = []
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)


def _read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; b"" for one that is too long."""
    with contextlib.suppress(OSError), open_regular_file(path) as file:
        is_rest = False
        while line := file.readline(LONGEST_LINE):
            is_whole = line.endswith(b"\n")
            if not is_rest:
                yield line if is_whole else b""
            is_rest = not is_whole


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the fields of the action on a line; None if the line holds none."""
    try:
        action = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(action, dict) and isinstance(action.get("event"), str) and isinstance(action.get("at"), str)):
        return None
    return action


def _fits(action: dict[str, Any], wanted: Wanted) -> bool:
    """Return whether an action is of the wanted session and kinds."""
    if wanted.session and not str(action.get("session", "")).startswith(wanted.session):
        return False
    event = action["event"]
    return not wanted.kinds or any(event == one or event.startswith(f"{one} ") for one in wanted.kinds)


def _format(seconds: float) -> str:
    """Return a time since the epoch as the log has it, so that two times compare like their texts."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")
