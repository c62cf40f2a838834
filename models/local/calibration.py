"""How fast a model reads and writes here, and with how many threads: measured once per model and machine, then kept.

More threads are not faster: on a machine with two cores a 6M model decodes twice as fast with one thread as with two.
Small weights are never measured: one thread is always right for them, and a second one that has to share its core with
a compiler made an answer take seconds. Start at `choose_threads` and `load_or_measure_speed`.
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
# More threads must pay: they also take cores from the editor.
LEAST_GAIN = 0.85
SMALL_BYTES = 100_000_000

# What is timed to know a speed: short prompts first; a fast machine reads a longer one, to be told apart from noise.
READ_TOKENS = (32, 128, 512)
WRITTEN_TOKENS = 8
LONG_ENOUGH_S = 0.2
# Of what a request shows, so much goes into the moving figure; short ones say little of reading.
SHARE_OF_NEWEST = 0.2
LEAST_READ_TOKENS = 24
LEAST_WRITTEN_TOKENS = 4
# A single request is never believed to be more than so much slower or faster than the figure so far.
MOST_CHANGE = 4.0
STEADY = 1.5
# In tokens/s; what is kept as slower or faster than any machine is damaged.
LEAST_RATE = 1e-3
MOST_RATE = 1e9


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model computes on this machine.

    Attributes:
        prompt_tokens_per_s: tokens of a prompt that are read in a second.
        new_tokens_per_s: tokens of an answer that are written in a second.
    """

    prompt_tokens_per_s: float
    new_tokens_per_s: float

    def estimate_seconds(self, prompt_tokens: int, new_tokens: int) -> float:
        """Return how long a request takes, in seconds."""
        return prompt_tokens / self.prompt_tokens_per_s + new_tokens / self.new_tokens_per_s


class Timeable(Protocol):
    """What can be timed: `models.local.engine.Engine` is."""

    def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
        """Return how long a request of that size takes, in seconds; nothing is reused and nothing kept."""
        ...


def measure_speed(engine: Timeable) -> Speed:
    """Measure how fast `engine` reads and writes; about a second, three for a model that is slow here."""
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
    """Return `seconds` without a call's own; on a busy machine these differ, so no more than half is taken off."""
    return max(1e-6, seconds - step_s, seconds / 2)


def load_or_measure_speed(identity: str, directory: Path, measure: Callable[[], Speed]) -> Speed:
    """Return the speed of a model on this machine, from `directory` if it was measured before.

    Args:
        identity: what identifies the model and how it is computed: name, size, device, compute type, threads.
        directory: where it is kept.
        measure: measures it.
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
    """Return the newest speed in `directory` of what `identity` begins to identify; None where none was measured."""
    machine = f"|{name_machine(count_available_cores())}"
    found = [
        rates
        for key, rates in load_measurements(directory / SPEED_FILE).items()
        if key.startswith(f"{identity}|") and key.endswith(machine)
    ]
    kept = found[-1] if found else None
    return Speed(float(kept[0]), float(kept[1])) if _are_rates(kept) else None


class MovingSpeed:
    """A speed that follows what real requests show, slowly. Not thread-safe.

    Attributes:
        now: as last seen.
        steady: as it was when it last differed much from what it had been before; for what should seldom change.
    """

    def __init__(self, measured: Speed) -> None:
        self.now = self.steady = measured

    def note(self, *, read: int, reading_s: float, written: int, writing_s: float) -> None:
        """Note a request: tokens read and written, and the seconds that either took."""
        reads, writes = self.now.prompt_tokens_per_s, self.now.new_tokens_per_s
        if read >= LEAST_READ_TOKENS and reading_s > 0:
            reads = _blend(reads, read / reading_s)
        if written >= LEAST_WRITTEN_TOKENS and writing_s > 0:
            writes = _blend(writes, written / writing_s)
        self.now = Speed(reads, writes)
        if not 1 / STEADY < reads / self.steady.prompt_tokens_per_s < STEADY:
            self.steady = self.now


def _blend(figure: float, newest: float) -> float:
    newest = min(max(newest, figure / MOST_CHANGE), figure * MOST_CHANGE)
    return float(figure ** (1 - SHARE_OF_NEWEST) * newest**SHARE_OF_NEWEST)


def _are_rates(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) == 2 and all(_is_rate(rate) for rate in value)


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and LEAST_RATE <= value <= MOST_RATE


def list_thread_counts(cores: int) -> tuple[int, ...]:
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
    cores = cores or count_available_cores()
    key = f"{model}|{name_machine(cores)}"
    path = directory / FILE
    known = load_measurements(path)
    remembered = known.get(key)
    if isinstance(remembered, int) and remembered in list_thread_counts(cores):
        return remembered
    best, to_beat_s = 0, math.inf
    for threads in list_thread_counts(cores):
        elapsed = seconds(threads, to_beat_s)
        if elapsed > to_beat_s:
            break  # it does not get better from here on
        best, to_beat_s = threads, elapsed * LEAST_GAIN
    store_measurements(path, {**known, key: best})
    return best


def choose_default_threads(size_bytes: int, *, cores: int | None = None) -> int:
    """A safe number without measuring: one for small weights, which fit the caches of a core; else up to four."""
    return 1 if size_bytes < SMALL_BYTES else min(4, cores or count_available_cores())


def count_available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def name_machine(cores: int) -> str:
    """Return a name that tells apart machines which share a folder of measurements."""
    return f"{platform.machine()}|{platform.processor()}|{cores}"


def load_measurements(path: Path) -> dict[str, Any]:
    """Return what was measured and kept in a file, by what it holds for; empty where it cannot be read."""
    try:
        data = json.loads(read_text(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}  # measured again
    if not isinstance(data, dict):
        return {}
    return {str(key): value for key, value in data.items()}


def store_measurements(path: Path, data: Mapping[str, object]) -> None:
    """Write atomically; a full or read-only disk only means measuring again."""
    with suppress(OSError):
        make_folder(path.parent)
        write_file(path, json.dumps(data, indent=1).encode())
