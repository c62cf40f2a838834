"""Time that a model's weights took to load last, and the estimated progress of a load in percent.

Start at `LoadTime`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from models.local.calibration import count_available_cores, load_measurements, name_machine, store_measurements

if TYPE_CHECKING:
    from pathlib import Path

FILE = "loading-1.json"
# A stored time outside these bounds is damaged.
LEAST_S, MOST_S = 1e-3, 86_400.0
# From this share of the expected time on, the percentage rises ever more slowly, and never reaches 100.
STEADY_SHARE = 0.9
MOST_PERCENT = 99


@dataclass(frozen=True, slots=True)
class LoadTime:
    """Store of one model's load time on this machine.

    Attributes:
        identity: the weights and how they are computed.
        directory: where the time is stored; None to store nothing.
    """

    identity: str
    directory: Path | None

    def load_expected_s(self) -> float | None:
        """Return the time of the last load, in seconds; None if unknown."""
        if self.directory is None:
            return None
        kept = load_measurements(self.directory / FILE).get(self._key)
        return kept if _is_time(kept) else None

    def store(self, seconds: float) -> None:
        """Store the time of a load, in seconds; implausible times and a disk that cannot be written are ignored."""
        if self.directory is not None and _is_time(seconds):
            path = self.directory / FILE
            store_measurements(path, {**load_measurements(path), self._key: round(seconds, 3)})

    @property
    def _key(self) -> str:
        return f"{self.identity}|{name_machine(count_available_cores())}"


def estimate_percent(elapsed_s: float, expected_s: float) -> int:
    """Return the progress, 0 to 99, of a load that has taken `elapsed_s` of about `expected_s` seconds."""
    share = max(0.0, elapsed_s / expected_s)
    if share > STEADY_SHARE:
        left = 1 - STEADY_SHARE
        share = 1 - left * math.exp((STEADY_SHARE - share) / left)
    return min(MOST_PERCENT, math.floor(100 * share))


def _is_time(value: object) -> TypeGuard[float]:
    """Return whether `value` is a plausible load time in seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and LEAST_S <= value <= MOST_S
