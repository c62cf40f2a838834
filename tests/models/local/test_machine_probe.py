"""The network that a machine is measured with: of the size that is claimed, computable, and gone afterwards."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from models.errors import ModelError
from models.local import calibration, machine_probe
from models.local.machine import WeightCounts
from models.local.machine_probe import ON_CPU, ON_GPU, Build, measure_machine, write_network
from models.local.weights_file import WEIGHTS_FILE, read_shape

if TYPE_CHECKING:
    from pathlib import Path

    from models.local.engine import Engine

TINY = Build(layers=2, width=64, inner=128, heads=4, key_heads=2)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine_probe.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(machine_probe, "ON_CPU", TINY)
    return tmp_path


def test_the_network_has_the_weights_that_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    write_network(TINY, folder)
    shape = read_shape(folder)
    assert (shape.layers, shape.width, shape.vocabulary) == (2, 64, machine_probe.TOKENS)
    rest = shape.layers_bytes - TINY.weights.layers
    assert 0 < rest < 0.1 * TINY.weights.layers  # scales and norms
    assert TINY.weights.table == 64 * machine_probe.TOKENS
    file = (folder / WEIGHTS_FILE).stat()
    assert not hasattr(file, "st_blocks") or file.st_blocks * 512 < file.st_size  # holes


def test_both_networks_are_as_large_as_was_chosen() -> None:
    assert [round(sum((one.weights.layers, one.weights.table)) / 1e6) for one in (ON_CPU, ON_GPU)] == [128, 479]


def test_measuring_gives_both_figures_and_leaves_nothing_behind(scratch: Path) -> None:
    said: list[str] = []
    measured = measure_machine(device="cpu", on_progress=said.append)
    assert (measured.device, measured.compute_type) == ("cpu", "int8")
    assert WeightCounts(measured.layers, measured.table) == TINY.weights
    assert measured.prompt_tokens_per_s > 0
    assert measured.new_tokens_per_s > 0
    assert measured.threads in calibration.list_thread_counts(calibration.count_available_cores())
    assert said == ["measuring the processor"]
    assert list(scratch.iterdir()) == []


def test_the_middle_of_three_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = itertools.cycle([1.0, 5.0, 2.0])
    monkeypatch.setattr(
        machine_probe, "measure_speed", lambda _: calibration.Speed(1000 / (factor := next(busy)), 100 / factor)
    )
    measured = measure_machine(device="cpu")
    assert (measured.prompt_tokens_per_s, measured.new_tokens_per_s) == (500.0, 50.0)


def test_a_gpu_that_fails_leaves_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine_probe.Engine

    def engine(folder: Path, placement: machine_probe.Placement, **options: object) -> Engine:
        if placement.device == "cuda":
            raise RuntimeError("CUDA failed with error out of memory")
        return real(folder, placement, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(machine_probe, "count_cuda_devices", lambda: 1)
    monkeypatch.setattr(machine_probe, "load_libraries", tuple)
    monkeypatch.setattr(machine_probe, "ON_GPU", TINY)
    monkeypatch.setattr(machine_probe, "Engine", engine)
    assert measure_machine().device == "cpu"


def test_without_room_a_person_is_told_what_to_do(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_probe, "SPARE_BYTES", 1 << 60)
    with pytest.raises(ModelError, match=r"MB are free in .*; free some space for temporary files"):
        measure_machine(device="cpu")
    assert list(scratch.iterdir()) == []


def test_what_cannot_be_computed_is_one_sentence(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Engine:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(machine_probe, "Engine", fail)
    with pytest.raises(ModelError, match=r"cannot be measured \(no such instruction\)"):
        measure_machine(device="cpu")
    assert list(scratch.iterdir()) == []


def test_never_more_than_one_network_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most: list[int] = []

    class Counted(machine_probe.Engine):
        def __init__(self, *given: object, **options: object) -> None:
            super().__init__(*given, **options)  # type: ignore[arg-type]
            alive.add(id(self))
            most.append(len(alive))

        def close(self) -> None:
            alive.discard(id(self))
            super().close()

    monkeypatch.setattr(machine_probe, "Engine", Counted)
    monkeypatch.setattr(calibration, "count_available_cores", lambda: 8)
    monkeypatch.setattr(calibration, "LEAST_GAIN", 1e9)  # every number of threads is tried
    measure_machine(device="cpu")
    assert len(most) > 2
    assert (max(most), alive) == (1, set())
