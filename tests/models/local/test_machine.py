"""Stored measurements of a machine: kept for the same machine, validated, and scaled to a model's size."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.local import machine
from models.local.calibration import Speed
from models.local.machine import FILE, MOST_KEPT, Machine, WeightCounts, load, store

if TYPE_CHECKING:
    from pathlib import Path

HERE = Machine("cpu", "int8", 2, 100_000_000, 20_000_000, 1000.0, 50.0, 1_790_000_000)


def test_reading_takes_as_long_as_there_are_layers_and_writing_passes_over_the_table_too() -> None:
    speed = HERE.estimate_speed(WeightCounts(400_000_000, 200_000_000))
    assert speed == Speed(250.0, 10.0)


def test_a_measurement_comes_back_and_is_its_users_alone(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    store(HERE, tmp_path)
    store(replace(HERE, threads=1), tmp_path)
    assert load(tmp_path) == replace(HERE, threads=1)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(("what", "other"), [("_read_processor_name", lambda: "Z80"), ("version", lambda _: "5.0.0")])
def test_another_processor_or_engine_was_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, other: Any
) -> None:
    store(HERE, tmp_path)
    monkeypatch.setattr(machine, what, other)
    assert load(tmp_path) is None
    store(replace(HERE, threads=4), tmp_path)
    monkeypatch.undo()
    assert load(tmp_path) == HERE


def test_only_so_many_are_kept_and_the_newest_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MOST_KEPT + 3):
        monkeypatch.setattr(machine, "_read_processor_name", lambda number=number: f"cpu {number}")
        store(HERE, tmp_path)
    names = [key.split("|")[1] for key in json.loads((tmp_path / FILE).read_text("utf-8"))]
    assert names == [f"cpu {number}" for number in range(3, MOST_KEPT + 3)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "abacus"}, {"compute_type": 8}, {"threads": "two"}, {"layers": 0}, {"table": -1},
        {"prompt_tokens_per_s": float("nan")}, {"new_tokens_per_s": 0.0}, {"measured_at": None}, {"layers": True},
        {"layers": 10**400}, {"table": 1e300}, {"prompt_tokens_per_s": 1e-320},
    ],
)  # fmt: skip
def test_a_damaged_measurement_is_none(tmp_path: Path, wrong: dict[str, Any]) -> None:
    store(HERE, tmp_path)
    path = tmp_path / FILE
    ((key, value),) = json.loads(path.read_text("utf-8")).items()
    path.write_text(json.dumps({key: value | wrong}), "utf-8")
    assert load(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 10_000, "\ud800"])
def test_a_file_that_is_none_is_measured_again(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert load(tmp_path) is None
    store(HERE, tmp_path)
    assert load(tmp_path) == HERE


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder", "utf-8")
    store(HERE, tmp_path / "state")
    assert load(tmp_path / "state") is None
