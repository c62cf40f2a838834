"""Stored speed of this machine, measured with a network without meaning and scaled to the size of real networks.

Reading a prompt is bound by arithmetic: its time is proportional to the weights of the layers. Writing is bound by
memory: each new token reads all of them and the vocabulary table once. Measures nothing itself
(`models.local.machine_probe` does). Start at `Machine.estimate_speed` and `load`.
"""

from __future__ import annotations

import platform
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.local.calibration import Speed, count_available_cores, load_measurements, store_measurements

FILE = "machine-1.json"
MOST_KEPT = 8
DEVICES = ("cpu", "cuda")
# A stored figure outside these bounds is damaged.
LEAST_ABOVE = 1e-3
MOST = 1e15
_LARGEST = 100_000  # characters of the processors' table
_CPU_TABLE = Path("/proc/cpuinfo")
_CPU_NAMES = ("model name", "Model", "cpu model", "Hardware", "uarch")


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """Numbers of weights that decide how long a network computes.

    Attributes:
        layers: weights of the layers; each token is multiplied with all of them.
        table: weights of the vocabulary table, from which each new token is chosen.
    """

    layers: int
    table: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """Measured speed of this machine with the network of `models.local.machine_probe`.

    Attributes:
        device: "cpu" or "cuda".
        compute_type: compute type of the measured network.
        threads: number of threads on the CPU; 0 on CUDA.
        layers: number of weights in the measured network's layers.
        table: number of weights in its vocabulary table.
        prompt_tokens_per_s: tokens of a prompt that it read in a second.
        new_tokens_per_s: tokens of an answer that it wrote in a second.
        measured_at: time of the measurement, in seconds since the epoch.
    """

    device: str
    compute_type: str
    threads: int
    layers: int
    table: int
    prompt_tokens_per_s: float
    new_tokens_per_s: float
    measured_at: float

    def estimate_speed(self, weights: WeightCounts) -> Speed:
        """Return the estimated speed on this machine of a network with these numbers of weights."""
        reading = self.layers / weights.layers
        writing = (self.layers + self.table) / (weights.layers + weights.table)
        return Speed(self.prompt_tokens_per_s * reading, self.new_tokens_per_s * writing)


def identify_machine() -> str:
    """Return a key for stored measurements of this machine: its processor, cores and version of CTranslate2."""
    try:
        engine = version("ctranslate2")
    except PackageNotFoundError:
        engine = "none"
    return f"{platform.machine()}|{_read_processor_name()}|{count_available_cores()}|ctranslate2 {engine}"


def load(directory: Path) -> Machine | None:
    """Return the stored measurement of this machine; None if there is none for this processor and CTranslate2."""
    return _parse_machine(load_measurements(directory / FILE).get(identify_machine()))


def store(machine: Machine, directory: Path) -> None:
    """Store a measurement of this machine in `directory`, in place of an older one.

    At most `MOST_KEPT` machines are kept, the newest ones. Do nothing if the disk is full or read-only.
    """
    path = directory / FILE
    others = {
        key: value
        for key, value in load_measurements(path).items()
        if key != identify_machine() and _parse_machine(value) is not None
    }
    newest = dict(list(others.items())[-(MOST_KEPT - 1) :])
    store_measurements(path, {**newest, identify_machine(): asdict(machine)})


def _read_processor_name() -> str:
    """Return the processor's name; "" if the system does not report it."""
    if sys.platform == "linux":
        with suppress(OSError, UnicodeDecodeError), _CPU_TABLE.open(encoding="utf-8") as table:
            lines = [line.partition(":") for line in table.read(_LARGEST).splitlines()]
            named = {name.strip(): value.strip()[:100] for name, _, value in reversed(lines)}
            return next((named[name] for name in _CPU_NAMES if named.get(name)), platform.processor())
    return platform.processor()


def _parse_machine(data: object) -> Machine | None:
    """Return the measurement in stored JSON; None if it is damaged."""
    if not isinstance(data, dict) or data.get("device") not in DEVICES or not isinstance(data.get("compute_type"), str):
        return None
    numbers = ("layers", "prompt_tokens_per_s", "new_tokens_per_s", "measured_at")
    if not all(_is_number(data.get(name), positive=True) for name in numbers):
        return None
    if not all(_is_number(data.get(name)) for name in ("threads", "table")):
        return None
    return Machine(**{name: data[name] for name in Machine.__slots__})


def _is_number(value: object, *, positive: bool = False) -> bool:
    """Return whether `value` is a number from 0 to `MOST`; with `positive`, at least `LEAST_ABOVE`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (LEAST_ABOVE if positive else 0) <= value <= MOST
