"""Metrics of the model host, for Prometheus. Numbers only: no paths, texts or client names.

Start at `Metrics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.metrics import CONTENT_TYPE, Metric, MetricSet

if TYPE_CHECKING:
    from models.metrics import Gauge

__all__ = ["CONTENT_TYPE", "METRICS", "Metrics"]

PREFIX = "starling_host_"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

METRICS = (
    Metric(f"{PREFIX}requests_total", "counter", "Requests by path and status.", ("path", "status")),
    Metric(f"{PREFIX}busy_total", "counter", "Requests that found the queue full."),
    Metric(f"{PREFIX}cancelled_total", "counter", "Requests whose client went away first."),
    Metric(f"{PREFIX}tokens_total", "counter", "Tokens written, by model.", ("model",)),
    Metric(
        f"{PREFIX}first_token_seconds",
        "histogram",
        "Time from a request's arrival to its first token, by model.",
        ("model",),
        SECONDS,
    ),
    Metric(f"{PREFIX}running", "gauge", "Requests that are being answered."),
    Metric(f"{PREFIX}waiting", "gauge", "Requests that wait for their turn, by model.", ("model",)),
    Metric(f"{PREFIX}model_bytes", "gauge", "Memory counted for a loaded model.", ("model",)),
    Metric(f"{PREFIX}memory_budget_bytes", "gauge", "Memory that all models may have together."),
    Metric(f"{PREFIX}resident_bytes", "gauge", "Memory of the host's process."),
)


class Metrics:
    """The metrics of one host; names here are without `PREFIX`. Thread-safe."""

    def __init__(self) -> None:
        self._set = MetricSet(METRICS)

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add `amount` to the counter `name` with these labels."""
        self._set.add(PREFIX + name, amount, **labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Count `value` in the histogram `name` with these labels."""
        self._set.observe(PREFIX + name, value, **labels)

    def render(self, gauges: dict[tuple[str, str], float]) -> str:
        """Return all metrics and `gauges` (by name and model, "" for none) in Prometheus' text format."""
        read: list[Gauge] = [
            (PREFIX + name, {"model": model} if model else {}, value) for (name, model), value in gauges.items()
        ]
        return self._set.render(read)
