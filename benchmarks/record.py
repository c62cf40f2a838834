"""Result of a benchmark: one figure, its reference from the same run, and its bound."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Reference:
    """A run that a figure is compared with, made in the same minute.

    Attributes:
        name: name of the run.
        value: its figure, in the unit of the record.
    """

    name: str
    value: float


@dataclass(frozen=True)
class Record:
    """One benchmark's result.

    Attributes:
        what: what was measured, in one sentence.
        unit: unit of `value` and of the reference's value.
        value: the figure.
        n: number of measurements that `value` summarises.
        reference: the run that `value` is compared with; None without one.
        most: upper bound of the figure that `judged` names; None without one.
        judged: "ratio" if `most` bounds the ratio to the reference, "value" if it bounds `value`.
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
        """`value` divided by the reference's value; None without a reference, or if its value is 0."""
        return self.value / self.reference.value if self.reference and self.reference.value else None

    @property
    def holds(self) -> bool | None:
        """Whether the figure is within its bound; None without a bound or without the ratio that it bounds."""
        judged = self.ratio if self.judged == "ratio" else self.value
        return None if self.most is None or judged is None else judged <= self.most

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON for `results.json`, with figures rounded to four significant digits."""
        rounded: dict[str, Any] = _round_floats({**asdict(self), "ratio": self.ratio, "holds": self.holds})
        return rounded


def _round_floats(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return `value` with all floats in it rounded to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _round_floats(inner) for name, inner in value.items()}
    return [_round_floats(inner) for inner in value] if isinstance(value, list | tuple) else value


def compute_percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which `percent` per cent of `values` lie, by linear interpolation.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no measurement succeeded")
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def summarize(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the largest of `values`, for `Record.details`."""
    return {"p50": compute_percentile(values, 50), "p95": compute_percentile(values, 95), "max": max(values)}
