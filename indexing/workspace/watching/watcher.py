"""The watching process: tells of changed files in lines of JSON, at the lowest priority, and ends with its input.

Apart from the server, as walking and watching a workspace must never hold up an answer there. The first line of input
names the roots and limits. Lines of output: {"changed": [...]}, {"problem": "..."}. Start at `main`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from indexing.limits import IndexLimits
from indexing.process import spawning
from indexing.workspace.watching.inotify import Notifier
from indexing.workspace.watching.watched import WatchedFolders

_SETTLE_S = 0.4  # a checkout comes as few batches, not as thousands
_QUIET_S = 0.1  # so long after the last event of a batch
_MOST_EVENTS = 100_000
_CHECK_S = 2.0  # how often is looked for a root that went and came back
_LOOK_SHARE = 20  # time between two looks at what is not watched, in times of one


def main() -> None:
    """Run as the watching process."""
    head = json.loads(sys.stdin.buffer.readline())
    limits = IndexLimits(**head["limits"])
    roots = [Path(root) for root in head["roots"]]
    threading.Thread(target=_end_with_input, daemon=True).start()
    spawning.lower_priority(limits.nice)
    if sys.platform == "linux":
        _watch(roots, limits)
    else:
        _watch_trees(roots, limits)
    os._exit(0)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # our server is gone, or wants no more


def _watch(roots: list[Path], limits: IndexLimits) -> None:
    """Watch folder by folder."""
    try:
        notifier = Notifier()
    except OSError as error:
        _look(roots, limits, f"The system cannot watch folders ({error.strerror})")
        return
    folders = WatchedFolders(roots, limits, notifier)
    folders.look()
    _tell(changed=sorted(folders.roots))  # what changed before it was watched
    told, looked = False, time.monotonic()
    while True:
        if folders.unwatched and not told:
            told = True
            _tell(problem=_too_many(folders.unwatched, _pause_s(folders, limits)))
        events = notifier.read(min(_CHECK_S, limits.look_s))
        until = time.monotonic() + _SETTLE_S
        while events and time.monotonic() < until and len(events) < _MOST_EVENTS:
            more = notifier.read(_QUIET_S)
            events += more
            if not more:
                break
        changed = folders.changes(events)
        if folders.lost() or (folders.unwatched and time.monotonic() - looked > _pause_s(folders, limits)):
            folders.look()
            looked = time.monotonic()
            changed = folders.roots
        if changed:
            _tell(changed=sorted(changed))


def _pause_s(folders: WatchedFolders, limits: IndexLimits) -> float:
    return max(limits.look_s, _LOOK_SHARE * folders.look_s)


def _too_many(unwatched: int, pause_s: float) -> str:
    return (
        f"{unwatched:,} folders of the workspace are more than can be watched, so what changes there outside the editor"
        f" is found within {pause_s:.0f} seconds; leave folders out with .starlingignore, or raise"
        " fs.inotify.max_user_watches."
    )


def _watch_trees(roots: list[Path], limits: IndexLimits) -> None:
    """Watch whole trees, on systems that follow no link when they do so."""
    from watchfiles import DefaultFilter, watch  # noqa: PLC0415  # not needed on Linux

    try:
        for batch in watch(*roots, watch_filter=DefaultFilter(), debounce=400, ignore_permission_denied=True):
            _tell(changed=sorted({path for _, path in batch}))
    except (OSError, RuntimeError) as error:
        _look(roots, limits, f"The workspace cannot be watched ({error})")


def _look(roots: list[Path], limits: IndexLimits, why: str) -> None:
    """Have the index look at everything from time to time, where nothing can be watched."""
    _tell(problem=f"{why}, so what changes outside the editor is found within {limits.look_s:.0f} seconds.")
    while True:
        time.sleep(limits.look_s)
        _tell(changed=[str(root) for root in roots])


def _tell(**event: object) -> None:
    try:
        sys.stdout.buffer.write(json.dumps(event).encode() + b"\n")
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError):
        os._exit(0)  # nobody listens any more
