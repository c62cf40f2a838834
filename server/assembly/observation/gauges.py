"""The metrics of this process as text: what was counted, and values that are read now. Blocking.

Start at `render_metrics`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from server.assembly.observation.health import check_server
from server.assembly.observation.sources import SOURCES
from server.observation.figures import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psutil

    from models.metrics import Gauge
    from server.assembly.core import Core

_TOTALS = {
    "shown": ("starling_suggestions_shown_total", {}),
    "accepted": ("starling_suggestions_accepted_total", {"extent": "whole"}),
    "partly_accepted": ("starling_suggestions_accepted_total", {"extent": "part"}),
    "rejected": ("starling_suggestions_rejected_total", {}),
    "model_runs": ("starling_model_runs_total", {}),
    "failures": ("starling_model_failures_total", {}),
}
"""Counts of `agents.completion.statistics`, with the metrics that they are shown as."""


def render_metrics() -> str:
    """Return all metrics of this process in Prometheus' text format."""
    return figures.render(
        [
            *_read_completions(),
            *_read_findings(),
            *_read_indexes(SOURCES.list_cores()),
            *_read_queue(),
            *_read_processes(),
            *(("starling_part_ok", {"part": check.part}, float(check.ok)) for check in check_server()),
        ]
    )


def _read_completions() -> Iterator[Gauge]:
    """Yield the counts of suggestions and of the completion model."""
    from agents.completion.statistics import read_totals  # noqa: PLC0415 (not before `initialize`)

    for (name, which), count in read_totals().items():
        if name in _TOTALS:
            yield (*_TOTALS[name], float(count))
        elif name == "by_origin":
            yield "starling_suggestions_total", {"origin": which}, float(count)
        elif name == "empty":
            yield "starling_completions_empty_total", {"reason": which or "none"}, float(count)


def _read_findings() -> Iterator[Gauge]:
    """Yield the numbers of findings in open documents, by severity."""
    found: Counter[str] = Counter()
    for source in SOURCES.list_all():
        found.update(source.count_findings())
    for severity, count in found.items():
        yield "starling_findings", {"severity": severity}, float(count)


def _read_indexes(cores: Iterable[Core]) -> Iterator[Gauge]:
    """Yield size, coverage and lag of the indexes of `cores`."""
    statuses = [core.index.read_status() for core in cores]
    yield "starling_index_files", {}, float(sum(one.files for one in statuses))
    yield "starling_index_store_bytes", {}, float(sum(one.store_bytes for one in statuses))
    yield "starling_index_lag_seconds", {}, max((one.lag_s for one in statuses), default=0.0)
    if shares := [one.coverage for one in statuses if one.coverage is not None]:
        yield "starling_index_coverage_ratio", {}, min(shares)


def _read_queue() -> Iterator[Gauge]:
    """Yield the numbers of queued tasks by status; nothing if the state database cannot be read."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (SQLite)
    from agents.ports.task_queue import TaskStatus  # noqa: PLC0415
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.task_store import TaskStore  # noqa: PLC0415

    with closing(open_state()) as state, suppress(StateError):
        counts = {TaskStatus.QUEUED.value: 0, **TaskStore(state).count_open()}
        for status, count in counts.items():
            yield "starling_queued_tasks", {"status": status}, float(count)


def _read_processes() -> Iterator[Gauge]:
    """Yield the memory of this process and of its children, and when it began."""
    import psutil  # noqa: PLC0415 (not before `initialize`)

    own = psutil.Process()
    yield "starling_resident_bytes", {"process": "server"}, float(own.memory_info().rss)
    children = sum(_measure_memory(child) for child in own.children(recursive=True))
    yield "starling_resident_bytes", {"process": "children"}, float(children)
    yield "starling_start_time_seconds", {}, float(own.create_time())


def _measure_memory(process: psutil.Process) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    import psutil  # noqa: PLC0415 (not before `initialize`)

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
