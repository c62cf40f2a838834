"""`starling models recommend`: its output for a machine of a known speed and a small catalog."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.catalog import published_models
from models.catalog.catalog import Measured
from models.local import machine, machine_probe
from models.local.calibration import Speed, load_or_measure_speed
from models.local.machine import Machine
from server.assembly import checks, recommending
from server.assembly.setting_sections import ModelSettings
from server.assembly.settings import Settings
from server.cli import run, tables
from server.state import paths
from tests.models.large import install_large

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KNOWN = dict(published_models.load_published_models())
QUICK = Machine("cpu", "int8", 2, 120_000_000, 8_000_000, 4000.0, 200.0, 1_790_000_000)
SLOW = replace(QUICK, prompt_tokens_per_s=200.0, new_tokens_per_s=8.0)
CATALOG = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b-instruct", "starcoderbase-1b", "starcoder")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set Starling's home to a new folder, and set the catalog, the free memory and the free disk; return the home."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(recommending, "load_published_models", lambda: {name: KNOWN[name] for name in CATALOG})
    monkeypatch.setattr(recommending, "read_free_bytes", lambda: 8_000_000_000)
    monkeypatch.setattr(recommending, "_read_free_disk", lambda _: 100_000_000_000)
    return tmp_path / "home"


@pytest.fixture
def measure_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], list[str]]:
    """Return a function that sets the measured speed of the machine and returns the devices measured since."""

    def measure_as_given(here: Machine) -> list[str]:
        asked: list[str] = []

        def measure_machine(*, device: str, on_progress: Callable[[str], None]) -> Machine:
            asked.append(device)
            on_progress("measuring the processor")
            return here

        monkeypatch.setattr(machine_probe, "measure_machine", measure_machine)
        return asked

    return measure_as_given


def run_recommend(capfd: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """Run `starling models recommend --json` and return its object."""
    capfd.readouterr()
    assert run(["models", "recommend", "--json", *options]) == 0
    return dict(json.loads(capfd.readouterr().out))


def test_the_machine_is_measured_once_and_again_when_asked(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    asked = measure_as(QUICK)
    assert run_recommend(capfd)["machine"]["threads"] == 2
    assert run_recommend(capfd)["machine"]["threads"] == 2
    assert asked == ["auto"]
    assert run_recommend(capfd, "--again")["machine"]["prompt_tokens_per_s"] == 4000.0
    assert asked == ["auto", "auto"]


def test_a_quick_machine_gets_a_model_for_each_use_with_its_commands(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    measure_as(QUICK)
    found = run_recommend(capfd)["recommended"]
    assert {use: one["name"] for use, one in found.items()} == {
        "typing": "qwen2.5-coder-0.5b",
        "asking": "qwen2.5-coder-1.5b",
        "chat": "qwen2.5-coder-0.5b-instruct",
    }
    assert found["asking"]["commands"] == [
        "starling models pull qwen2.5-coder-1.5b",
        "starling models use completion qwen2.5-coder-1.5b",
    ]
    assert found["chat"]["commands"][1] == "starling models use chat qwen2.5-coder-0.5b-instruct"
    assert "(licence Apache-2.0, its worth was not measured)" in found["asking"]["sentence"]


def test_a_slow_machine_is_told_that_nothing_larger_answers(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    measure_as(SLOW)
    found = run_recommend(capfd)["recommended"]
    assert found["typing"] == {
        "name": "starling-mini",
        "sentence": "Typing: only the bundled model, starling-mini, answers while you type here (within 500 ms).",
        "commands": [],
    }
    assert found["chat"]["name"] == ""
    assert "name an endpoint in `[chat]`" in found["chat"]["sentence"]


def test_the_time_limits_of_the_settings_decide(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_as(SLOW)
    monkeypatch.setenv("STARLING_COMPLETION__ASKING_MS", "60000")
    found = run_recommend(capfd)
    assert found["limits"]["asking_s"] == 60.0
    assert found["recommended"]["asking"]["name"] == "qwen2.5-coder-1.5b"


def test_a_model_needs_memory_and_disk(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_as(replace(QUICK, prompt_tokens_per_s=1e6, new_tokens_per_s=1e5))
    models = {one["name"]: one for one in run_recommend(capfd)["models"]}
    assert (models["starcoder"]["lacking"], models["starcoder"]["in_time_for"]) == ("memory", [])
    monkeypatch.setattr(recommending, "_read_free_disk", lambda _: 2_000_000_000)
    models = {one["name"]: one for one in run_recommend(capfd)["models"]}
    assert (models["qwen2.5-coder-1.5b"]["lacking"], models["qwen2.5-coder-0.5b"]["lacking"]) == ("disk", "")


def test_a_model_that_computed_here_counts_with_its_own_speed(
    measure_as: Callable[[Machine], list[str]], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    measure_as(SLOW)
    entry = install_large(home / "config" / "models", tmp_path / "scratch", "own", megabytes=1)
    size = (entry.weights / "model.bin").stat().st_size
    before = next(one for one in run_recommend(capfd)["models"] if one["name"] == "own")
    assert (before["installed"], before["measured_here"], before["in_time_for"]) == (True, False, ["asking"])
    load_or_measure_speed(f"own|{size}|cpu|int8|2", paths.state_dir(), lambda: Speed(4000.0, 200.0))
    found = run_recommend(capfd)
    after = next(one for one in found["models"] if one["name"] == "own")
    assert (after["measured_here"], after["prompt_tokens_per_s"]) == (True, 4000.0)
    assert found["recommended"]["typing"]["commands"] == ["starling models use completion own"]


def test_a_damaged_model_is_reported_and_left_out(
    measure_as: Callable[[Machine], list[str]], home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    measure_as(QUICK)
    entry = install_large(home / "config" / "models", tmp_path / "scratch", "own", megabytes=1)
    (entry.weights / "model.bin").write_bytes(b"")
    found = run_recommend(capfd)
    assert "own" not in {one["name"] for one in found["models"]}
    assert ["own" in problem and "cut short" in problem for problem in found["problems"]] == [True]


def test_the_table_fits_80_columns_with_whole_names(
    measure_as: Callable[[Machine], list[str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_as(SLOW)
    monkeypatch.setattr(recommending, "load_published_models", lambda: KNOWN)
    shown: list[str] = []
    real = tables.format_lines

    def format_lines(columns: Any, rows: Any, _width: int | None) -> list[str]:
        shown.extend(lines := real(columns, rows, 80))
        return lines

    monkeypatch.setattr(tables, "format_lines", format_lines)
    assert run(["models", "recommend"]) == 0
    written = capfd.readouterr()
    assert max(map(len, shown)) <= 80
    assert all(any(name in line.split() for line in shown) for name in KNOWN if set(KNOWN[name].roles) - {"embedding"})
    assert "27% of 125" in written.out
    assert "not measured" in written.out
    assert "    starling models " not in written.out.partition("Typing: ")[2].partition("\n")[2].partition("Asking")[0]


def test_an_installed_model_has_the_measured_quality_of_the_published_one(
    measure_as: Callable[[Machine], list[str]],
    home: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure_as(QUICK)
    install_large(home / "config" / "models", tmp_path / "scratch", "starcoderbase-1b", megabytes=1)
    worth = {"lines": Measured(0.4, 700)}
    monkeypatch.setattr(
        recommending,
        "load_published_models",
        lambda: {"starcoderbase-1b": replace(KNOWN["starcoderbase-1b"], worth=worth)},
    )
    (found,) = [one for one in run_recommend(capfd)["models"] if one["name"] == "starcoderbase-1b"]
    assert (found["installed"], found["worth"]) == (True, {"lines": {"share": 0.4, "n": 700}})


def test_the_doctor_tells_what_was_measured_and_measures_nothing(measure_as: Callable[[Machine], list[str]]) -> None:
    asked = measure_as(QUICK)
    (check,) = checks._check_models(Settings())
    assert (check.state, check.facts) == ("ok", {"measured": False})
    assert "starling models recommend" in check.message
    machine.store(QUICK, paths.state_dir())
    (check,) = checks._check_models(Settings())
    assert check.facts["recommended"]["typing"] == "qwen2.5-coder-0.5b"
    assert "qwen2.5-coder-1.5b for asking" in check.message
    assert asked == []


def test_another_device_is_measured_anew(
    measure_as: Callable[[Machine], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = measure_as(replace(QUICK, device="cuda"))
    monkeypatch.setattr("models.local.engine.count_cuda_devices", lambda: 1)
    for settings in (Settings(), Settings(), Settings(model=ModelSettings(device="cpu"))):
        recommending.load_or_measure_machine(settings, again=False, on_progress=lambda _: None)
    assert asked == ["auto", "cpu"]
