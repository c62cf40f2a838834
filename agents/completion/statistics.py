"""Counts of shown, accepted and rejected suggestions, and latencies of answers; they never leave the machine.

They also adjust the editor's delay and the threshold a little, within fixed bounds. Start at `Recorder`.
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
_LOOKED_AT = 100  # the most shown suggestions that adjust the threshold, the newest ones
_LEAST_SHOWN = 20
# Good assistants publish acceptance rates of 25-38 %; clearly outside of them the threshold is adjusted.
_FEW, _MANY = 0.20, 0.45
_STRICTER, _LOOSER = 0.1, -0.05
_LEAST_DELAY_MS, _MOST_DELAY_MS = 0.0, 300.0

_TOTALS: dict[tuple[str, str], int] = {}
_TOTALS_LOCK = Lock()


def read_totals() -> dict[tuple[str, str], int]:
    """Return the counts of all recorders of this process since its start, for monitoring.

    The key is a count's name in `CompletionStatistics` and "", or "empty" or "by_origin" and the reason or origin.
    """
    with _TOTALS_LOCK:
        return dict(_TOTALS)


@dataclass(frozen=True, slots=True)
class CompletionStatistics:
    """Counts since the start.

    Attributes:
        requests: answered requests.
        answered: requests that were answered with a suggestion.
        shown: suggestions that were shown.
        accepted: suggestions that were accepted as a whole.
        partly_accepted: suggestions of which a part was accepted.
        rejected: suggestions that were rejected.
        characters_accepted: accepted characters.
        model_runs: model runs that were started.
        reused: requests that were answered with the rest of an older suggestion.
        joined: requests that were answered by a model run of an older request.
        failures: model runs that failed.
        empty: answers without a suggestion, by reason.
        by_origin: suggestions in answers, by origin.
        total_p50_ms: median time from request to answer; p95 and p99 likewise.
        model_p50_ms: median time in the model, of answers that used one; p95 likewise.
        overhead_p50_ms: median of the total time without the time in the model; p95 likewise.
        threshold_shift: adjustment of the policy's threshold.
        delay_ms: how long to wait before computing while a person types.
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
    """Counts the answers of one generator and the decisions about their suggestions. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        self._empty: dict[str, int] = {}
        self._by_origin: dict[str, int] = {}
        self._times: deque[tuple[float, float]] = deque(maxlen=_LATENCIES)
        self._given: OrderedDict[str, tuple[str, Suggestion]] = OrderedDict()
        self._taken: dict[str, int] = {}
        self._shown: OrderedDict[str, bool] = OrderedDict()  # whether the suggestion was accepted

    def record_answer(self, uri: str, completion: Completion) -> None:
        """Count an answer for the document `uri`, its time and its suggestions, which can then be accepted by id.

        Only the last `_REMEMBERED` suggestions are known by id.
        """
        with self._lock:
            self._count("requests")
            self._times.append((completion.total_ms, completion.model_ms))
            if not completion.suggestions:
                self._empty[completion.why_empty] = self._empty.get(completion.why_empty, 0) + 1
                _add_to_total("empty", completion.why_empty)
                return
            self._count("answered")
            for suggestion in completion.suggestions:
                origin = suggestion.origin.value
                self._by_origin[origin] = self._by_origin.get(origin, 0) + 1
                _add_to_total("by_origin", origin)
                # The rest of a suggestion has its id; the whole one, which came first, stays.
                self._given.setdefault(suggestion.id, (uri, suggestion))
            if completion.suggestions[0].origin is Origin.REUSE:
                self._count("reused")
            while len(self._given) > _REMEMBERED:
                self._forget(next(iter(self._given)))

    def record_model_run(self) -> None:
        """Count a model run that was started."""
        with self._lock:
            self._count("model_runs")

    def record_join(self) -> None:
        """Count a request that was answered by a model run of an older request."""
        with self._lock:
            self._count("joined")

    def record_failure(self) -> None:
        """Count a failed model run."""
        with self._lock:
            self._count("failures")

    def record_shown(self, suggestion_id: str) -> None:
        """Count a suggestion as shown; a second call for the same suggestion, or an unknown id, changes nothing."""
        with self._lock:
            if suggestion_id in self._given and suggestion_id not in self._shown:
                self._shown[suggestion_id] = False
                self._count("shown")
                while len(self._shown) > _REMEMBERED:
                    self._shown.popitem(last=False)

    def record_accepted(self, suggestion_id: str, length: int | None) -> None:
        """Count a suggestion as accepted, or only its first `length` characters; an unknown id changes nothing."""
        with self._lock:
            given = self._given.get(suggestion_id)
            if given is None:
                return
            whole = len(given[1].text)
            taken = whole if length is None else max(0, min(length, whole))
            before = self._taken.get(suggestion_id, 0)
            if taken == whole or not before:
                self._count("partly_accepted" if taken < whole else "accepted")
            # Accepted word by word, each call's length includes the words before.
            self._count("characters_accepted", max(0, taken - before))
            self._taken[suggestion_id] = max(before, taken)
            if suggestion_id in self._shown:
                self._shown[suggestion_id] = True
            if taken == whole:
                self._forget(suggestion_id)

    def record_rejected(self, suggestion_id: str) -> tuple[str, Suggestion] | None:
        """Count a suggestion as rejected; return its document's URI and the suggestion, None for an unknown id."""
        with self._lock:
            given = self._forget(suggestion_id)
            if given is not None:
                self._count("rejected")
            return given

    def _forget(self, suggestion_id: str) -> tuple[str, Suggestion] | None:
        """Drop a suggestion; return its document's URI and the suggestion, None for an unknown id."""
        self._taken.pop(suggestion_id, None)
        return self._given.pop(suggestion_id, None)

    def compute_threshold_shift(self) -> float:
        """Return the adjustment of the threshold: up if few of the last shown suggestions were accepted, down if many.

        0 if there are too few, or if none was accepted, as with an editor that does not report acceptance.
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
        """Return the counts so far, and the latencies of the last `_LATENCIES` answers."""
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
            # With a slow model it is worth waiting for the next key: for half of the model's median time.
            delay_ms=min(max(compute_percentile(models, 0.5) / 2, _LEAST_DELAY_MS), _MOST_DELAY_MS),
        )

    def _count(self, name: str, by: int = 1) -> None:
        """Increase the count `name` by `by`."""
        self._counts[name] = self._counts.get(name, 0) + by
        _add_to_total(name, "", by)


def _add_to_total(name: str, which: str, by: int = 1) -> None:
    """Increase a count of the process by `by`."""
    with _TOTALS_LOCK:
        _TOTALS[name, which] = _TOTALS.get((name, which), 0) + by


def compute_percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile `share` (0 to 1) of the ascending values `ordered`; 0 for no values."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
