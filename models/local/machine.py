"""How fast this machine computes networks: measured with a network without meaning, kept, and scaled to real ones.

To read a prompt is bound by arithmetic, so it takes as long as there are weights in the layers. To write is bound by
memory: each new token passes over all of them once, and over the table of tokens. Never measures anything itself
(`models.local.machine_probe` does). Start at `Machine.speed_of` and `kept`.
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
# What is kept as less or more than any machine's is damaged.
LEAST_ABOVE = 1e-3
MOST = 1e15
_LARGEST = 100_000  # characters of the processors' table
_CPU_TABLE = Path("/proc/cpuinfo")
_CPU_NAMES = ("model name", "Model", "cpu model", "Hardware", "uarch")


@dataclass(frozen=True, slots=True)
class WeightCounts:
    """How many weights of a network a token meets.

    Attributes:
        layers: weights that each token is multiplied with.
        table: weights of the table of tokens, which a new token is chosen from.
    """

    layers: int
    table: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured of this machine.

    Attributes:
        device: "cpu" or "cuda".
        compute_type: of the network that was measured.
        threads: on the CPU; 0 elsewhere.
        layers: weights of its layers.
        table: weights of its table of tokens.
        prompt_tokens_per_s: how fast it was read.
        new_tokens_per_s: how fast it wrote.
        measured_at: seconds since the epoch.
    """

    device: str
    compute_type: str
    threads: int
    layers: int
    table: int
    prompt_tokens_per_s: float
    new_tokens_per_s: float
    measured_at: float

    def speed_of(self, weights: WeightCounts) -> Speed:
        """Return how fast a network of that size is expected to compute here."""
        reading = self.layers / weights.layers
        writing = (self.layers + self.table) / (weights.layers + weights.table)
        return Speed(self.prompt_tokens_per_s * reading, self.new_tokens_per_s * writing)


def identify_machine() -> str:
    """Return what a measurement holds for: the processor, its cores, and the version of CTranslate2."""
    try:
        engine = version("ctranslate2")
    except PackageNotFoundError:
        engine = "none"
    return f"{platform.machine()}|{_read_processor_name()}|{count_available_cores()}|ctranslate2 {engine}"


def load(directory: Path) -> Machine | None:
    """Return what was measured of this machine before; None for nothing, or for another processor or CTranslate2."""
    return _parse_machine(load_measurements(directory / FILE).get(identify_machine()))


def store(machine: Machine, directory: Path) -> None:
    """Keep a measurement in `directory`, in place of an older one; a full or read-only disk keeps none."""
    path = directory / FILE
    others = {
        key: value
        for key, value in load_measurements(path).items()
        if key != identify_machine() and _parse_machine(value) is not None
    }
    newest = dict(list(others.items())[-(MOST_KEPT - 1) :])
    store_measurements(path, {**newest, identify_machine(): asdict(machine)})


def _read_processor_name() -> str:
    """Return the processor's name, as far as the system tells."""
    if sys.platform == "linux":
        with suppress(OSError, UnicodeDecodeError), _CPU_TABLE.open(encoding="utf-8") as table:
            lines = [line.partition(":") for line in table.read(_LARGEST).splitlines()]
            named = {name.strip(): value.strip()[:100] for name, _, value in reversed(lines)}
            return next((named[name] for name in _CPU_NAMES if named.get(name)), platform.processor())
    return platform.processor()


def _parse_machine(data: object) -> Machine | None:
    if not isinstance(data, dict) or data.get("device") not in DEVICES or not isinstance(data.get("compute_type"), str):
        return None
    numbers = ("layers", "prompt_tokens_per_s", "new_tokens_per_s", "measured_at")
    if not all(_is_number(data.get(name), above=True) for name in numbers):
        return None
    if not all(_is_number(data.get(name)) for name in ("threads", "table")):
        return None
    return Machine(**{name: data[name] for name in Machine.__slots__})


def _is_number(value: object, *, above: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (LEAST_ABOVE if above else 0) <= value <= MOST
