"""Counts of next edits and what became of them, by rule; they never leave the machine. Start at `Recorder`."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from agents.completion.statistics import compute_percentile

if TYPE_CHECKING:
    from agents.next_edit.next_edits import NextEdit

_LATENCIES = 1_000
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class NextEditStatistics:
    """Counts since the start.

    Attributes:
        requests: answered requests.
        proposed: requests that were answered with an edit.
        shown: edits that were shown, by rule.
        accepted: edits that were accepted, by rule.
        rejected: edits that were rejected, by rule.
        total_p50_ms: median time from request to answer; p95 likewise.
    """

    requests: int = 0
    proposed: int = 0
    shown: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    total_p50_ms: float = 0.0
    total_p95_ms: float = 0.0


class Recorder:
    """Counts the answers of one `NextEditor` and the decisions about its edits. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests = 0
        self._proposed = 0
        self._shown: dict[str, int] = {}
        self._accepted: dict[str, int] = {}
        self._rejected: dict[str, int] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._times: deque[float] = deque(maxlen=_LATENCIES)

    def record_answer(self, edit: NextEdit | None, total_ms: float) -> None:
        """Count an answer and its time."""
        with self._lock:
            self._requests += 1
            self._proposed += edit is not None
            self._times.append(total_ms)

    def record_shown(self, edit: NextEdit) -> None:
        """Count an edit as shown; a second call for the same edit changes nothing."""
        with self._lock:
            if edit.id not in self._seen:
                self._seen[edit.id] = None
                _count(self._shown, edit)
                while len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)

    def record_outcome(self, edit: NextEdit, *, accepted: bool) -> None:
        """Count an edit as accepted or rejected."""
        with self._lock:
            _count(self._accepted if accepted else self._rejected, edit)

    def compute_statistics(self) -> NextEditStatistics:
        """Return the counts so far, and the latencies of the last `_LATENCIES` answers."""
        with self._lock:
            times = sorted(self._times)
            return NextEditStatistics(
                self._requests,
                self._proposed,
                dict(self._shown),
                dict(self._accepted),
                dict(self._rejected),
                compute_percentile(times, 0.5),
                compute_percentile(times, 0.95),
            )


def _count(counts: dict[str, int], edit: NextEdit) -> None:
    """Increase the count of the rule that proposed `edit`."""
    rule = edit.candidate.kind.value
    counts[rule] = counts.get(rule, 0) + 1
