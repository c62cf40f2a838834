"""How many threads a model computes with: measured once per model and machine, then remembered.

More threads are not faster: on a machine with two cores a 6M model decodes twice as fast with one thread as with two.
Small weights are never measured: one thread is always right for them, and a second one that has to share its core with
a compiler made an answer take seconds. Start at `choose_threads`.
"""

from __future__ import annotations

import json
import math
import os
import platform
from contextlib import suppress
from typing import TYPE_CHECKING

from starling_files import make_folder, read_text, write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LARGEST = 1_000_000  # bytes

FILE = "threads-1.json"
MOST_THREADS = 16
# More threads must pay: they also take cores from the editor.
LEAST_GAIN = 0.85
SMALL_BYTES = 100_000_000


def candidates(cores: int) -> tuple[int, ...]:
    """Thread counts worth trying on `cores` cores: 1, 2, 4, ... and the cores themselves."""
    powers = [count for count in (1, 2, 4, 8) if count < cores]
    return (*powers, min(cores, MOST_THREADS))


def choose_threads(
    model: str, directory: Path, seconds: Callable[[int, float], float], *, cores: int | None = None
) -> int:
    """The number of threads for `model` on this machine.

    Args:
        model: what identifies the model and how it is computed.
        directory: where the answer is remembered.
        seconds: measures a typical request with so many threads; may give up once so many seconds are over.
        cores: of this machine; found out by default.
    """
    cores = cores or available_cores()
    key = f"{model}|{platform.machine()}|{platform.processor()}|{cores}"
    path = directory / FILE
    known = _read(path)
    if (remembered := known.get(key, 0)) in candidates(cores):
        return remembered
    best, to_beat_s = 0, math.inf
    for threads in candidates(cores):
        elapsed = seconds(threads, to_beat_s)
        if elapsed > to_beat_s:
            break  # it does not get better from here on
        best, to_beat_s = threads, elapsed * LEAST_GAIN
    _write(path, {**known, key: best})
    return best


def usual_threads(size_bytes: int, *, cores: int | None = None) -> int:
    """A safe number without measuring: one for small weights, which fit the caches of a core; else up to four."""
    return 1 if size_bytes < SMALL_BYTES else min(4, cores or available_cores())


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _read(path: Path) -> dict[str, int]:
    try:
        data = json.loads(read_text(path, _LARGEST))
    except (OSError, ValueError):
        return {}  # measured again
    if not isinstance(data, dict):
        return {}
    return {str(key): value for key, value in data.items() if isinstance(value, int)}


def _write(path: Path, data: dict[str, int]) -> None:
    """Atomically; a full or read-only disk only means measuring again."""
    with suppress(OSError):
        make_folder(path.parent)
        write_file(path, json.dumps(data, indent=1).encode())
