"""Measured speed of a model on this machine, and the fastest number of threads; measured once per model, then stored.

More threads are not always faster: on two cores a model of 6 million parameters decodes twice as fast with one thread
as with two. Small weights are never measured: one thread is best for them, and a second one that shared its core with a
compiler made an answer take seconds. Start at `choose_threads` and `load_or_measure_speed`.
"""

from __future__ import annotations

import json
import math
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from starling_files import make_folder, read_text, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_LARGEST = 1_000_000  # bytes

FILE = "threads-1.json"
SPEED_FILE = "speed-1.json"
MOST_THREADS = 16
# More threads are used only if they cut the time to this share or less: they also take cores from the editor.
LEAST_GAIN = 0.85
SMALL_BYTES = 100_000_000

# Lengths of the timed prompts, shortest first. A fast machine goes on to longer prompts, until one takes
# `LONG_ENOUGH_S`, a time well above the noise.
READ_TOKENS = (32, 128, 512)
WRITTEN_TOKENS = 8
LONG_ENOUGH_S = 0.2
# Weight of the newest request in the moving speed; shorter prompts and answers than these are ignored.
SHARE_OF_NEWEST = 0.2
LEAST_READ_TOKENS = 24
LEAST_WRITTEN_TOKENS = 4
# One request counts as at most so many times slower or faster than the moving speed.
MOST_CHANGE = 4.0
# `MovingSpeed.steady` follows once the speed of reading has changed by this factor.
STEADY = 1.5
# In tokens/s; a stored speed outside these bounds is damaged.
LEAST_RATE = 1e-3
MOST_RATE = 1e9


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of a model on this machine.

    Attributes:
        prompt_tokens_per_s: tokens of a prompt that are read in a second.
        new_tokens_per_s: tokens of an answer that are written in a second.
    """

    prompt_tokens_per_s: float
    new_tokens_per_s: float

    def estimate_seconds(self, prompt_tokens: int, new_tokens: int) -> float:
        """Return the estimated time of a request, in seconds."""
        return prompt_tokens / self.prompt_tokens_per_s + new_tokens / self.new_tokens_per_s


class Timeable(Protocol):
    """A network that can time a request, as `models.local.engine.Engine` can."""

    def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
        """Run a request with a prompt and an answer of these lengths, in tokens, and return its time in seconds.

        No KV state is reused or cached.
        """
        ...


def measure_speed(engine: Timeable) -> Speed:
    """Measure and return the speed of `engine`; takes about a second, three for a slow model."""
    engine.time_request(1, 1)  # warms up
    step_s, read_s, tokens = min(engine.time_request(1, 1), engine.time_request(1, 1)), 0.0, 1
    for tokens in READ_TOKENS:
        read_s = engine.time_request(tokens, 1)
        if read_s > LONG_ENOUGH_S:
            break
    written_s = engine.time_request(1, 1 + WRITTEN_TOKENS)
    return Speed(
        (tokens - 1) / _subtract_overhead(read_s, step_s), WRITTEN_TOKENS / _subtract_overhead(written_s, step_s)
    )


def _subtract_overhead(seconds: float, step_s: float) -> float:
    """Return `seconds` less the time `step_s` of an empty call, but at least half: a busy machine's overhead varies."""
    return max(1e-6, seconds - step_s, seconds / 2)


def load_or_measure_speed(identity: str, directory: Path, measure: Callable[[], Speed]) -> Speed:
    """Return the speed of a model on this machine; measure and store it if it is not stored in `directory`.

    Args:
        identity: identifies the model and how it runs: name, size, device, compute type, threads.
        directory: where speeds are stored.
        measure: returns the measured speed.
    """
    key = f"{identity}|{name_machine(count_available_cores())}"
    path = directory / SPEED_FILE
    known = load_measurements(path)
    kept = known.get(key)
    if _are_rates(kept):
        return Speed(float(kept[0]), float(kept[1]))
    speed = measure()
    rates = [round(speed.prompt_tokens_per_s, 1), round(speed.new_tokens_per_s, 2)]
    if all(_is_rate(rate) for rate in rates):
        store_measurements(path, {**known, key: rates})
    return speed


def load_speed(identity: str, directory: Path) -> Speed | None:
    """Return the newest speed of this machine whose identity is `identity`, or that and more after a "|"; else None."""
    machine = f"|{name_machine(count_available_cores())}"
    found = [
        rates
        for key, rates in load_measurements(directory / SPEED_FILE).items()
        if key.startswith(f"{identity}|") and key.endswith(machine)
    ]
    kept = found[-1] if found else None
    return Speed(float(kept[0]), float(kept[1])) if _are_rates(kept) else None


class MovingSpeed:
    """A speed that slowly follows the times of real requests. Not thread-safe.

    Attributes:
        now: the current estimate.
        steady: an earlier estimate, replaced once reading has become faster or slower by the factor `STEADY`; for
            decisions that should rarely change.
    """

    def __init__(self, measured: Speed) -> None:
        self.now = self.steady = measured

    def update(self, *, read: int, reading_s: float, written: int, writing_s: float) -> None:
        """Update the speed with one request: the tokens read and written, and the seconds of reading and of writing.

        A prompt or an answer that is too short to be measured is ignored.
        """
        reads, writes = self.now.prompt_tokens_per_s, self.now.new_tokens_per_s
        if read >= LEAST_READ_TOKENS and reading_s > 0:
            reads = _blend(reads, read / reading_s)
        if written >= LEAST_WRITTEN_TOKENS and writing_s > 0:
            writes = _blend(writes, written / writing_s)
        self.now = Speed(reads, writes)
        if not 1 / STEADY < reads / self.steady.prompt_tokens_per_s < STEADY:
            self.steady = self.now


def _blend(figure: float, newest: float) -> float:
    """Return the weighted geometric mean of `figure` and `newest`; the change is bounded by `MOST_CHANGE`."""
    newest = min(max(newest, figure / MOST_CHANGE), figure * MOST_CHANGE)
    return float(figure ** (1 - SHARE_OF_NEWEST) * newest**SHARE_OF_NEWEST)


def _are_rates(value: object) -> TypeGuard[list[float]]:
    """Return whether `value` is a valid pair of stored rates."""
    return isinstance(value, list) and len(value) == 2 and all(_is_rate(rate) for rate in value)


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and LEAST_RATE <= value <= MOST_RATE


def list_thread_counts(cores: int) -> tuple[int, ...]:
    """Return the thread counts to try: those of 1, 2, 4, 8 below `cores`, then `cores`, but at most `MOST_THREADS`."""
    powers = [count for count in (1, 2, 4, 8) if count < cores]
    return (*powers, min(cores, MOST_THREADS))


def choose_threads(
    model: str, directory: Path, time_request: Callable[[int, float], float], *, cores: int | None = None
) -> int:
    """Return the fastest number of threads for `model` on this machine; measure and store it if it is not stored.

    More threads are chosen only if they are clearly faster (`LEAST_GAIN`).

    Args:
        model: identifies the model and its compute type.
        directory: where the number is stored.
        time_request: given a number of threads and a limit in seconds; returns the seconds of a typical request, or any
            time above the limit once the limit is over.
        cores: number of cores; None for those that this process may use.
    """
    cores = cores or count_available_cores()
    key = f"{model}|{name_machine(cores)}"
    path = directory / FILE
    known = load_measurements(path)
    remembered = known.get(key)
    if isinstance(remembered, int) and remembered in list_thread_counts(cores):
        return remembered
    best, to_beat_s = 0, math.inf
    for threads in list_thread_counts(cores):
        elapsed = time_request(threads, to_beat_s)
        if elapsed > to_beat_s:
            break  # even more threads would not be faster
        best, to_beat_s = threads, elapsed * LEAST_GAIN
    store_measurements(path, {**known, key: best})
    return best


def choose_default_threads(size_bytes: int, *, cores: int | None = None) -> int:
    """Return a safe number of threads without measuring: 1 for small weights, which fit one core, else up to 4."""
    return 1 if size_bytes < SMALL_BYTES else min(4, cores or count_available_cores())


def count_available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def name_machine(cores: int) -> str:
    """Return a key of this machine's processor and number of cores, for folders that several machines share."""
    return f"{platform.machine()}|{platform.processor()}|{cores}"


def load_measurements(path: Path) -> dict[str, Any]:
    """Return the measurements in the file at `path`, by their keys; {} if the file is missing or damaged."""
    try:
        data = json.loads(read_text(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}  # measured again
    if not isinstance(data, dict):
        return {}
    return {str(key): value for key, value in data.items()}


def store_measurements(path: Path, data: Mapping[str, object]) -> None:
    """Write the measurements `data` to the file at `path`, atomically; do nothing if the disk is full or read-only."""
    with suppress(OSError):
        make_folder(path.parent)
        write_file(path, json.dumps(data, indent=1).encode())
