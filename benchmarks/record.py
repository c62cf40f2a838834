"""What a benchmark returns: one figure, the reference beside it, and what the figure was promised to be."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Reference:
    """The run that a figure is measured against, made beside it in the same minute.

    Attributes:
        name: what was run.
        value: its figure, in the same unit.
    """

    name: str
    value: float


@dataclass(frozen=True)
class Record:
    """One benchmark's result.

    Attributes:
        what: one sentence: from when to when, or what of what.
        unit: of `value` and of the reference's value.
        value: the figure that counts.
        n: number of single measurements behind it.
        reference: what it is compared with, None where the figure stands by itself.
        most: the largest `judged` that is good enough; None for no limit.
        judged: which figure is held against `most`: "ratio" to the reference, or "value".
        details: further figures.
    """

    what: str
    unit: str
    value: float
    n: int
    reference: Reference | None = None
    most: float | None = None
    judged: str = "value"
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Figure over reference."""
        return self.value / self.reference.value if self.reference and self.reference.value else None

    @property
    def holds(self) -> bool | None:
        """Whether it is good enough; None without a limit."""
        judged = self.ratio if self.judged == "ratio" else self.value
        return None if self.most is None or judged is None else judged <= self.most

    def as_json(self) -> dict[str, Any]:
        """As `results.json` keeps it, figures rounded to what they are worth."""
        rounded: dict[str, Any] = _rounded({**asdict(self), "ratio": self.ratio, "holds": self.holds})
        return rounded


def _rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which `percent` of `values` lie, by linear interpolation.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no measurement succeeded")
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the largest, for `Record.details`."""
    return {"p50": percentile(values, 50), "p95": percentile(values, 95), "max": max(values)}
