"""Counts of shown, accepted and rejected suggestions, and latencies of answers; they stay on this machine.

The figures tune delay and threshold a little within fixed bounds. Start at `Recorder`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from agents.suggestions import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.suggestions import Completion, Suggestion

_LATENCIES = 1_000
_REMEMBERED = 512
_LOOKED_AT = 100  # as many of the last suggestions shown are looked at for tuning
_LEAST_SHOWN = 20
# Good assistants publish acceptances of 25-38 %; outside of that the threshold moves.
_FEW, _MANY = 0.20, 0.45
_STRICTER, _LOOSER = 0.1, -0.05
_LEAST_DELAY_MS, _MOST_DELAY_MS = 0.0, 300.0


@dataclass(frozen=True, slots=True)
class CompletionStatistics:
    """Counts since the start.

    Attributes:
        requests: completions asked for.
        answered: those that had a suggestion.
        shown: suggestions that an editor says it showed.
        accepted: taken as a whole.
        partly_accepted: taken in part.
        rejected: turned down.
        characters_accepted: characters of what was taken.
        model_runs: times a model was asked.
        reused: answers from what had been suggested before.
        joined: requests that waited for a run under way.
        failures: model runs that failed.
        empty: answers without a suggestion, by reason.
        by_origin: suggestions answered, by origin.
        total_p50_ms: median time from request to answer; p95 and p99 likewise.
        model_p50_ms: median time in the model, of answers that used one; p95 likewise.
        overhead_p50_ms: median of total less model time; p95 likewise.
        threshold_shift: what the record adds to the policy's threshold.
        delay_ms: how long an editor should wait before it asks while a person types.
    """

    requests: int = 0
    answered: int = 0
    shown: int = 0
    accepted: int = 0
    partly_accepted: int = 0
    rejected: int = 0
    characters_accepted: int = 0
    model_runs: int = 0
    reused: int = 0
    joined: int = 0
    failures: int = 0
    empty: dict[str, int] = field(default_factory=dict)
    by_origin: dict[str, int] = field(default_factory=dict)
    total_p50_ms: float = 0.0
    total_p95_ms: float = 0.0
    total_p99_ms: float = 0.0
    model_p50_ms: float = 0.0
    model_p95_ms: float = 0.0
    overhead_p50_ms: float = 0.0
    overhead_p95_ms: float = 0.0
    threshold_shift: float = 0.0
    delay_ms: float = 0.0


class Recorder:
    """Counts for one generator. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        self._empty: dict[str, int] = {}
        self._by_origin: dict[str, int] = {}
        self._times: deque[tuple[float, float]] = deque(maxlen=_LATENCIES)
        self._given: OrderedDict[str, tuple[str, Suggestion]] = OrderedDict()
        self._taken: dict[str, int] = {}
        self._shown: OrderedDict[str, bool] = OrderedDict()  # whether it was taken

    def record_answer(self, uri: str, completion: Completion) -> None:
        """Count one answer."""
        with self._lock:
            self._count("requests")
            self._times.append((completion.total_ms, completion.model_ms))
            if not completion.suggestions:
                self._empty[completion.why_empty] = self._empty.get(completion.why_empty, 0) + 1
                return
            self._count("answered")
            for suggestion in completion.suggestions:
                origin = suggestion.origin.value
                self._by_origin[origin] = self._by_origin.get(origin, 0) + 1
                # The identity stays the same while a suggestion is typed; what it was first is what counts.
                self._given.setdefault(suggestion.id, (uri, suggestion))
            if completion.suggestions[0].origin is Origin.REUSE:
                self._count("reused")
            while len(self._given) > _REMEMBERED:
                self._forget(next(iter(self._given)))

    def record_model_run(self) -> None:
        """Count one time that a model was asked."""
        with self._lock:
            self._count("model_runs")

    def record_join(self) -> None:
        """Count one request that waited for a run under way."""
        with self._lock:
            self._count("joined")

    def record_failure(self) -> None:
        """Count one failed model run."""
        with self._lock:
            self._count("failures")

    def record_shown(self, suggestion_id: str) -> None:
        """Count a suggestion as shown, once however often an editor shows it."""
        with self._lock:
            if suggestion_id in self._given and suggestion_id not in self._shown:
                self._shown[suggestion_id] = False
                self._count("shown")
                while len(self._shown) > _REMEMBERED:
                    self._shown.popitem(last=False)

    def record_accepted(self, suggestion_id: str, length: int | None) -> None:
        """Count a suggestion as accepted, or its first `length` characters."""
        with self._lock:
            given = self._given.get(suggestion_id)
            if given is None:
                return
            whole = len(given[1].text)
            taken = whole if length is None else max(0, min(length, whole))
            before = self._taken.get(suggestion_id, 0)
            if taken == whole or not before:
                self._count("partly_accepted" if taken < whole else "accepted")
            self._count("characters_accepted", max(0, taken - before))  # word by word, each tells all so far
            self._taken[suggestion_id] = max(before, taken)
            if suggestion_id in self._shown:
                self._shown[suggestion_id] = True
            if taken == whole:
                self._forget(suggestion_id)

    def record_rejected(self, suggestion_id: str) -> tuple[str, Suggestion] | None:
        """Count a suggestion as rejected; return its document and record, None if it is unknown."""
        with self._lock:
            given = self._forget(suggestion_id)
            if given is not None:
                self._count("rejected")
            return given

    def _forget(self, suggestion_id: str) -> tuple[str, Suggestion] | None:
        self._taken.pop(suggestion_id, None)
        return self._given.pop(suggestion_id, None)

    def compute_threshold_shift(self) -> float:
        """Return the change of the threshold by the record: up if few shown suggestions are accepted, down if many.

        An editor that never says that something was taken tells nothing.
        """
        with self._lock:
            outcomes = tuple(self._shown.values())[-_LOOKED_AT:]
        if len(outcomes) < _LEAST_SHOWN or not any(outcomes):
            return 0.0
        share = sum(outcomes) / len(outcomes)
        if share < _FEW:
            return _STRICTER
        return _LOOSER if share > _MANY else 0.0

    def compute_statistics(self) -> CompletionStatistics:
        """Return the current figures."""
        with self._lock:
            counts, times = dict(self._counts), tuple(self._times)
            empty, by_origin = dict(self._empty), dict(self._by_origin)
        totals = sorted(total for total, _ in times)
        models = sorted(model for _, model in times if model)
        overheads = sorted(total - model for total, model in times)
        return CompletionStatistics(
            **counts,
            empty=empty,
            by_origin=by_origin,
            total_p50_ms=compute_percentile(totals, 0.5),
            total_p95_ms=compute_percentile(totals, 0.95),
            total_p99_ms=compute_percentile(totals, 0.99),
            model_p50_ms=compute_percentile(models, 0.5),
            model_p95_ms=compute_percentile(models, 0.95),
            overhead_p50_ms=compute_percentile(overheads, 0.5),
            overhead_p95_ms=compute_percentile(overheads, 0.95),
            threshold_shift=self.compute_threshold_shift(),
            # A model slower than a key stroke gains by waiting for the next one; half of its median time is kept.
            delay_ms=min(max(compute_percentile(models, 0.5) / 2, _LEAST_DELAY_MS), _MOST_DELAY_MS),
        )

    def _count(self, name: str, by: int = 1) -> None:
        self._counts[name] = self._counts.get(name, 0) + by


def compute_percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of ascending values; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
