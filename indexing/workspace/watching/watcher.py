"""The watching process: writes changed files as lines of JSON, at low priority, and ends with its input.

A separate process, so that walking and watching a workspace never delays an answer of the server. The first line of
input holds the roots and limits. Lines of output: {"changed": [...]}, {"problem": "..."}. Start at `main`.
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

_SETTLE_S = 0.4  # in which events are collected, so that a checkout gives few batches
_QUIET_S = 0.1  # without events that ends a batch
_MOST_EVENTS = 100_000
_CHECK_S = 2.0  # between two checks for roots that were missing
_RESCAN_SHARE = 20  # time between two rescans for unwatched folders, as a multiple of the last one's


def main() -> None:
    """Run the watching process until its input ends; the first line of input holds the roots and the limits."""
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
    """Wait for the end of the input, and end the process."""
    sys.stdin.buffer.read()
    os._exit(0)  # the server is gone or has closed the pipe


def _watch(roots: list[Path], limits: IndexLimits) -> None:
    """Watch each folder that the walk enters and report changed files, by inotify; never returns. For Linux."""
    try:
        notifier = Notifier()
    except OSError as error:
        _report_regularly(roots, limits, f"The system cannot watch folders ({error.strerror})")
        return
    folders = WatchedFolders(roots, limits, notifier)
    folders.rescan()
    _emit(changed=sorted(folders.roots))  # for changes before the watches were set
    is_reported, scanned = False, time.monotonic()
    while True:
        if folders.unwatched and not is_reported:
            is_reported = True
            _emit(problem=_describe_unwatched(folders.unwatched, _choose_pause(folders, limits)))
        events = notifier.read(min(_CHECK_S, limits.look_s))
        until = time.monotonic() + _SETTLE_S
        while events and time.monotonic() < until and len(events) < _MOST_EVENTS:
            more = notifier.read(_QUIET_S)
            events += more
            if not more:
                break
        changed = folders.apply(events)
        if folders.find_lost_roots() or (
            folders.unwatched and time.monotonic() - scanned > _choose_pause(folders, limits)
        ):
            folders.rescan()
            scanned = time.monotonic()
            changed = folders.roots
        if changed:
            _emit(changed=sorted(changed))


def _choose_pause(folders: WatchedFolders, limits: IndexLimits) -> float:
    """Return the seconds between two walks that look for changes in unwatched folders."""
    return max(limits.look_s, _RESCAN_SHARE * folders.rescan_s)


def _describe_unwatched(unwatched: int, pause_s: float) -> str:
    """Return a sentence for a person about folders that cannot be watched and what to do."""
    return (
        f"{unwatched:,} folders of the workspace are more than can be watched, so what changes there outside the editor"
        f" is found within {pause_s:.0f} seconds; leave folders out with .starlingignore, or raise"
        " fs.inotify.max_user_watches."
    )


def _watch_trees(roots: list[Path], limits: IndexLimits) -> None:
    """Watch all folders of the roots and report changed files, by `watchfiles`; for systems other than Linux."""
    from watchfiles import DefaultFilter, watch  # noqa: PLC0415  # not needed on Linux

    try:
        for batch in watch(*roots, watch_filter=DefaultFilter(), debounce=400, ignore_permission_denied=True):
            _emit(changed=sorted({path for _, path in batch}))
    except (OSError, RuntimeError) as error:
        _report_regularly(roots, limits, f"The workspace cannot be watched ({error})")


def _report_regularly(roots: list[Path], limits: IndexLimits, why: str) -> None:
    """Report all roots as changed every `look_s` seconds, where folders cannot be watched; never returns."""
    _emit(problem=f"{why}, so what changes outside the editor is found within {limits.look_s:.0f} seconds.")
    while True:
        time.sleep(limits.look_s)
        _emit(changed=[str(root) for root in roots])


def _emit(**event: object) -> None:
    """Write an event to standard output as a line of JSON; ends this process if the server is gone."""
    try:
        sys.stdout.buffer.write(json.dumps(event).encode() + b"\n")
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError):
        os._exit(0)  # the server is gone
