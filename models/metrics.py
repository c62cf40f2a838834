"""Counters, gauges and histograms in Prometheus' text format; for the server and for the model host.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/. Start at `MetricSet`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_SERIES = 500
"""Combinations of labels that one metric counts; further ones are counted together under `OTHER`."""
OTHER = "other"
LONGEST_LABEL = 100

Labels = tuple[tuple[str, str], ...]
"""Names and values of labels, in the order of the names."""

Gauge = tuple[str, dict[str, str], float]
"""A value that is read when it is asked for: the metric's name, its labels and the value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: its whole name.
        kind: "counter", "gauge" or "histogram".
        meaning: one sentence.
        labels: names of its labels.
        buckets: upper bounds of a histogram's buckets, ascending.
    """

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class MetricSet:
    """The values of some metrics. Thread-safe; each metric holds at most `MOST_SERIES` combinations of labels.

    Args:
        metrics: all metrics, in the order in which they are written.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.metrics = {one.name: one for one in metrics}
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = {name: {} for name in self.metrics}
        self._histograms: dict[str, dict[Labels, list[float]]] = {name: {} for name in self.metrics}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add `amount` to the counter `name` with these labels."""
        series = self._counters[name]
        with self._lock:
            key = _choose_key(labels, series)
            series[key] = series.get(key, 0.0) + amount

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Count `value` in the histogram `name` with these labels."""
        metric, series = self.metrics[name], self._histograms[name]
        with self._lock:
            key = _choose_key(labels, series)
            counts = series.get(key)
            if counts is None:  # a number for each bucket, one for all larger values, and the sum of the values
                counts = series[key] = [0.0] * (len(metric.buckets) + 2)
            counts[bisect_left(metric.buckets, value)] += 1
            counts[-1] += value

    def render(self, gauges: Iterable[Gauge] = ()) -> str:
        """Return all metrics with their values, and `gauges`, in Prometheus' text format; ignores unknown gauges."""
        read: dict[str, dict[Labels, float]] = {}
        for name, labels, value in gauges:
            read.setdefault(name, {})[_choose_key(labels, {})] = value
        with self._lock:
            counters = {name: dict(series) for name, series in self._counters.items()}
            histograms = {
                name: {key: list(counts) for key, counts in series.items()} for name, series in self._histograms.items()
            }
        lines: list[str] = []
        for name, metric in self.metrics.items():
            lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} {metric.kind}"]
            values = {**counters[name], **read.get(name, {})}
            lines += [f"{name}{_format_labels(key)} {_format_number(value)}" for key, value in values.items()]
            for key, counts in histograms[name].items():
                lines += _format_histogram(metric, key, counts)
        return "\n".join(lines) + "\n"


def _choose_key(labels: dict[str, str], series: Mapping[Labels, object]) -> Labels:
    """Return `labels` as a key of `series`, values cut; with `OTHER` as every value if `series` is full without it."""
    key = tuple(labels.items()) if len(labels) < 2 else tuple(sorted(labels.items()))
    if key in series:  # nearly always
        return key
    key = tuple((name, value[:LONGEST_LABEL]) for name, value in key)
    if key in series or len(series) < MOST_SERIES:
        return key
    return tuple((name, OTHER) for name, _ in key)


def _format_histogram(metric: Metric, key: Labels, counts: Sequence[float]) -> list[str]:
    """Return the lines of one series of a histogram: its buckets, each with all smaller ones, sum and count."""
    lines, total = [], 0.0
    for bound, count in zip((*map(_format_number, metric.buckets), "+Inf"), counts, strict=False):
        total += count
        lines.append(f"{metric.name}_bucket{_format_labels((*key, ('le', bound)))} {_format_number(total)}")
    lines.append(f"{metric.name}_sum{_format_labels(key)} {_format_number(counts[-1])}")
    lines.append(f"{metric.name}_count{_format_labels(key)} {_format_number(total)}")
    return lines


def _format_number(value: float) -> str:
    """Return `value` without losing digits; a whole number without its point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _format_labels(labels: Labels) -> str:
    """Return `labels` in braces, escaped; "" for none."""
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
