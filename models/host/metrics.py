"""Counters of the host, in Prometheus' text format; https://prometheus.io/docs/instrumenting/exposition_formats/.

Numbers only: no paths, texts or client names. Start at `Metrics.render`.
"""

from __future__ import annotations

from collections import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

HELP = {
    "requests_total": ("counter", "Requests by path and status."),
    "busy_total": ("counter", "Requests that found the queue full."),
    "cancelled_total": ("counter", "Requests whose client went away first."),
    "tokens_total": ("counter", "Tokens written, by model."),
    "first_token_seconds_sum": ("counter", "Time from a request's arrival to its first token, by model."),
    "first_token_seconds_count": ("counter", "Requests that had a first token, by model."),
    "waiting": ("gauge", "Requests that wait for their turn, by model."),
    "model_bytes": ("gauge", "Memory counted for a loaded model."),
    "memory_budget_bytes": ("gauge", "Memory that all models may have together."),
}


class Metrics:
    """Counters of one host. Not thread-safe: for one event loop."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add `amount` to the counter `name` with these labels."""
        self._counted[name, tuple(sorted(labels.items()))] += amount  # type: ignore[assignment]

    def render(self, gauges: dict[tuple[str, str], float]) -> str:
        """Return the counters and `gauges` (by name and model, "" for none) of `HELP`, in Prometheus' text format."""
        values: list[tuple[str, tuple[tuple[str, str], ...], float]] = [
            (name, labels, value) for (name, labels), value in self._counted.items()
        ]
        values += [(name, (("model", model),) if model else (), value) for (name, model), value in gauges.items()]
        lines: list[str] = []
        for name, (kind, meaning) in HELP.items():
            lines += [f"# HELP starling_host_{name} {meaning}", f"# TYPE starling_host_{name} {kind}"]
            lines += [
                f"starling_host_{name}{_format_labels(labels)} {value:g}"
                for one, labels, value in values
                if one == name
            ]
        return "\n".join(lines) + "\n"


def _format_labels(labels: tuple[tuple[str, str], ...]) -> str:
    """Return `labels` in braces, escaped; "" for none."""
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
