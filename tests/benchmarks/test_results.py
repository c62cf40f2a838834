from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.record import Record, Reference, compute_percentile
from benchmarks.run import BENCHMARKS, RESULTS, format_line

COMMITTED = json.loads(RESULTS.read_text(encoding="utf-8"))


def test_there_is_a_committed_figure_for_every_benchmark() -> None:
    assert set(COMMITTED["results"]) == set(BENCHMARKS)


def test_every_benchmark_is_a_function_of_a_module() -> None:
    for target in BENCHMARKS.values():
        module, function = target.split(":")
        source = (Path(RESULTS).with_name(f"{module}.py")).read_text(encoding="utf-8")
        assert f"def {function}() -> Record:" in source


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_committed_figure_says_what_it_is_and_what_it_was_compared_with(name: str) -> None:
    record = COMMITTED["results"][name]
    assert record["n"] >= 1
    assert len(record["what"]) > 20
    if record["ratio"] is not None:
        assert record["ratio"] == pytest.approx(record["value"] / record["reference"]["value"], rel=0.01)
    if record["most"] is not None:
        judged = record["ratio"] if record["judged"] == "ratio" else record["value"]
        assert record["holds"] is (judged <= record["most"])


def test_the_machine_is_described_and_not_named() -> None:
    assert {"cores", "python", "architecture"} <= set(COMMITTED["machine"])
    assert not {"node", "host", "hostname"} & set(COMMITTED["machine"])


def test_a_record_holds_its_ratio_against_its_limit() -> None:
    record = Record("how long it takes to do", "ms", 12.0, 5, Reference("bare", 10.0), most=1.25, judged="ratio")
    assert record.ratio == pytest.approx(1.2)
    assert record.holds
    assert "holds" in format_line("thing", record.to_json())
    assert Record("how long it takes to do", "ms", 12.0, 5, most=10.0).holds is False
    assert Record("how long it takes to do", "ms", 12.0, 5).holds is None


def test_percentiles_interpolate_and_nothing_measured_is_an_error() -> None:
    assert compute_percentile([1.0, 2.0, 3.0, 4.0, 5.0], 50) == 3.0
    assert compute_percentile([7.0], 95) == 7.0
    with pytest.raises(ValueError, match="no measurement"):
        compute_percentile([], 50)
