"""The metrics of a process: what was counted, and what is read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.statistics import Recorder
from agents.ports.task_queue import NewTask
from agents.suggestions import Completion, Origin, Suggestion
from indexing.records import IndexStatus
from server.assembly.gates import open_state
from server.assembly.observation.gauges import render_metrics
from server.assembly.observation.sources import SOURCES
from server.observation.figures import METRICS
from server.state.task_store import TaskStore
from tests.models.test_metrics import read_values
from tests.server.assembly.observation.test_health import Held, make_core

if TYPE_CHECKING:
    from collections.abc import Mapping


class Findings(Held):
    """A session with findings."""

    def count_findings(self) -> Mapping[str, int]:
        return {"warning": 2, "hint": 1}


def test_indexes_and_findings_of_all_sessions_are_summed() -> None:
    sessions = [
        Findings(make_core(IndexStatus("ready", files=10, store_bytes=100, coverage=1.0, lag_s=0.0))),
        Findings(make_core(IndexStatus("failed", files=5, store_bytes=50, coverage=0.5, lag_s=7.5, problem="Gone."))),
        Findings(None),
    ]
    for one in sessions:
        SOURCES.add(one)
    try:
        values = read_values(render_metrics())
    finally:
        for one in sessions:
            SOURCES.remove(one)
    assert values["starling_index_files"] == 15
    assert values["starling_index_store_bytes"] == 150
    assert values["starling_index_coverage_ratio"] == 0.5
    assert values["starling_index_lag_seconds"] == 7.5
    assert values['starling_findings{severity="warning"}'] == 6
    assert values['starling_part_ok{part="index"}'] == 0
    assert values['starling_part_ok{part="record"}'] == 1


def test_the_queue_of_all_workspaces_is_counted_by_status() -> None:
    assert read_values(render_metrics())['starling_queued_tasks{status="queued"}'] == 0
    state = open_state()
    store = TaskStore(state)
    for workspace in ("file:///a", "file:///b"):
        store.add(NewTask(workspace, "Do it", "", "coder"))
    store.cancel(store.add(NewTask("file:///a", "Leave it", "", "coder")).id)
    state.close()
    values = read_values(render_metrics())
    assert {name: value for name, value in values.items() if "queued_tasks" in name} == {
        'starling_queued_tasks{status="queued"}': 2
    }


def test_memory_and_start_are_those_of_the_process() -> None:
    values = read_values(render_metrics())
    assert values['starling_resident_bytes{process="server"}'] > 10_000_000
    assert values["starling_start_time_seconds"] > 1_700_000_000


def test_suggestions_are_counted_over_all_generators() -> None:
    def read(name: str) -> float:
        return read_values(render_metrics()).get(name, 0.0)

    names = (
        "starling_suggestions_shown_total",
        'starling_suggestions_accepted_total{extent="whole"}',
        'starling_suggestions_total{origin="model"}',
        'starling_completions_empty_total{reason="unsure"}',
    )
    before = [read(name) for name in names]
    for number in range(2):
        recorder, name = Recorder(), f"s{number}"
        recorder.record_answer("u", Completion((Suggestion(name, "x", 0, 0, Origin.MODEL, 0.9, "m"),)))
        recorder.record_answer("u", Completion((), "unsure"))
        recorder.record_shown(name)
        recorder.record_accepted(name, None)
    assert [read(name) - old for name, old in zip(names, before, strict=True)] == [2, 2, 2, 2]


def test_only_declared_metrics_are_shown() -> None:
    declared = {one.name for one in METRICS}
    shown = {line.split()[2] for line in render_metrics().splitlines() if line.startswith("# TYPE ")}
    assert shown == declared
