from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models.errors import ModelError
from models.local import calibration, loading
from models.local.calibration import FILE, Speed, choose_default_threads, choose_threads, list_thread_counts
from models.local.loading import load
from models.local.weights_file import read_shape
from tests.models import bundled
from tests.models.bundled import first_line, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.catalog.catalog import ModelEntry


def test_the_weights_say_what_they_are() -> None:
    entry = bundled.entry()
    shape = read_shape(entry.weights)
    assert shape.spec == "TransformerDecoderSpec"
    assert (shape.layers, shape.width) == (6, 256)
    assert shape.vocabulary == bundled.tokenizer().size
    assert shape.positions == entry.context_tokens


def weights_missing(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "model.bin").unlink()
    return entry


def weights_cut_short(entry: ModelEntry) -> ModelEntry:
    path = entry.weights / "model.bin"
    path.write_bytes(path.read_bytes()[:4_000_000])
    return entry


def weights_cut_in_the_table(entry: ModelEntry) -> ModelEntry:
    path = entry.weights / "model.bin"
    path.write_bytes(path.read_bytes()[:40])
    return entry


def weights_empty(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "model.bin").write_bytes(b"")
    return entry


def weights_of_another_program(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "model.bin").write_bytes(b"GGUF" + bytes(10_000))
    return entry


def weights_of_a_translator(entry: ModelEntry) -> ModelEntry:
    path = entry.weights / "model.bin"
    path.write_bytes(path.read_bytes().replace(b"TransformerDecoderSpec", b"TransformerTranslators", 1))
    return entry


def weights_damaged_inside(entry: ModelEntry) -> ModelEntry:
    path = entry.weights / "model.bin"
    path.write_bytes(path.read_bytes().replace(b"decoder/layer_0/ffn/", b"decoder/layer_0/fun/"))
    return entry


def tokenizer_missing(entry: ModelEntry) -> ModelEntry:
    entry.tokenizer.unlink()
    return entry


def tokenizer_of_another_model(entry: ModelEntry) -> ModelEntry:
    data = json.loads(entry.tokenizer.read_text())
    words = data["model"]["vocab"]
    data["model"]["vocab"] = dict(zip(words, [*range(19), *range(8191, 18, -1)], strict=True))
    entry.tokenizer.write_text(json.dumps(data))
    return entry


def tokenizer_larger_than_the_weights(entry: ModelEntry) -> ModelEntry:
    data = json.loads(entry.tokenizer.read_text())
    data["model"]["vocab"]["unheard-of"] = 8192
    entry.tokenizer.write_text(json.dumps(data))
    return entry


def vocabulary_missing(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "vocabulary.json").unlink()
    return entry


def vocabulary_damaged(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "vocabulary.json").write_text("[")
    return entry


def vocabulary_nested(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "vocabulary.json").write_text("[" * 100_000)
    return entry


def vocabulary_of_no_list(entry: ModelEntry) -> ModelEntry:
    (entry.weights / "vocabulary.json").write_text("5")
    return entry


def folder_missing(entry: ModelEntry) -> ModelEntry:
    return replace(entry, folder=entry.folder / "gone", weights=entry.folder / "gone")


BROKEN: dict[str, tuple[Callable[[ModelEntry], ModelEntry], str]] = {
    "folder missing": (folder_missing, r"gone of the model starling-mini is missing; put the model there"),
    "weights missing": (weights_missing, r"model\.bin are missing; put the model's CTranslate2 files there"),
    "weights cut short": (weights_cut_short, r"model\.bin are cut short; copy or convert the model again"),
    "weights cut in the table": (weights_cut_in_the_table, r"model\.bin are cut short or damaged; copy or convert"),
    "weights empty": (weights_empty, r"model\.bin are cut short or damaged; copy or convert"),
    "weights of another program": (weights_of_another_program, r"are not CTranslate2 binary version 6; convert"),
    "weights of a translator": (weights_of_a_translator, r"are a TransformerTranslators, not a .*; choose another"),
    "weights damaged inside": (weights_damaged_inside, r"starling-mini cannot be loaded from .*; copy or convert it"),
    "tokenizer missing": (tokenizer_missing, r"tokenizer\.json is missing; put the model's tokenizer\.json there"),
    "another tokenizer": (tokenizer_of_another_model, r"starling-mini do not belong together; put the model's own"),
    "larger tokenizer": (tokenizer_larger_than_the_weights, r"8193 tokens.*8192 tokens.* do not belong together"),
    "vocabulary missing": (vocabulary_missing, r"starling-mini has no vocabulary\.json .*; convert the model again"),
    "vocabulary damaged": (vocabulary_damaged, r"vocabulary\.json of the model starling-mini cannot be read"),
    "vocabulary nested": (vocabulary_nested, r"vocabulary\.json of the model starling-mini cannot be read"),
    "vocabulary of no list": (vocabulary_of_no_list, r"vocabulary\.json of the model starling-mini cannot be read"),
    "architecture": (
        lambda entry: replace(entry, architecture="Mamba"),
        r"starling-mini has the architecture 'Mamba', which cannot be run here; choose one of GPTBigCode",
    ),
    "role": (lambda entry: replace(entry, roles=("chat",)), r"starling-mini does not complete code"),
    "window": (
        lambda entry: replace(entry, context_tokens=2048),
        r"reads 2048 tokens, its weights know only 512; set context_tokens to 512",
    ),
    "marker": (
        lambda entry: replace(entry, fim=replace(entry.fim, middle="<mid>")),
        r"starling-mini does not know the token '<mid>' .*; correct \[fim\]",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_says_what_is_wrong_and_what_to_do(name: str, tmp_path: Path) -> None:
    breaks, said = BROKEN[name]
    entry = breaks(bundled.copy_model(tmp_path))
    with pytest.raises(ModelError, match=said) as caught:
        load(entry, device="cpu", threads=1)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_files_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = bundled.copy_model(tmp_path)
    weights = entry.weights / "model.bin"
    weights.chmod(0)
    if os.access(weights, os.R_OK):  # root may read everything, so the refusal comes from a double
        opened = type(weights).open

        def refuse(path: Path, *args: str, **options: str) -> object:
            if path == weights:
                raise PermissionError(13, "Permission denied")
            return opened(path, *args, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(type(weights), "open", refuse)
    with pytest.raises(ModelError, match=r"model\.bin cannot be read: Permission denied; check their permissions"):
        load(entry, device="cpu", threads=1)


def test_too_little_memory_is_said_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "read_free_bytes", lambda: 50_000_000)
    with pytest.raises(ModelError, match=r"needs about 108 MB of memory and 50 MB are free; close other programs"):
        load(bundled.entry(), device="cpu", threads=1)


def test_an_unknown_compute_type_names_the_known_ones() -> None:
    with pytest.raises(ModelError, match="no compute type 'int3'; choose one of auto, default, int8"):
        load(bundled.entry(), compute_type="int3")


def test_without_cuda_auto_is_the_cpu_and_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "count_cuda_devices", lambda: 0)
    model = load(bundled.entry(), device="auto", threads=1)
    assert model.problems == ()
    assert (model.device, model.compute_type, model.threads) == ("cpu", "int8", 1)
    model.close()


def test_cuda_that_was_asked_for_and_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "count_cuda_devices", lambda: 0)
    model = load(bundled.entry(), device="cuda", threads=1)
    assert model.device == "cpu"
    assert "no CUDA device here, so the model starling-mini computes on the CPU" in model.problems[0]
    model.close()


def test_cuda_that_fails_falls_back_to_the_cpu_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "count_cuda_devices", lambda: 1)
    engine = loading.Engine

    def fail_on_cuda(folder: Path, placement: loading.Placement, **options: object) -> loading.Engine:
        if placement.device == "cuda":
            raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
        return engine(folder, placement, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "Engine", fail_on_cuda)
    model = load(bundled.entry(), device="auto", threads=1)
    assert "cannot compute on CUDA (Library libcublas.so.12" in model.problems[0]
    (generation,) = model.generate(bundled.request("x = $0\n"), stop=first_line, cancelled=never)
    assert generation.prompt_tokens
    model.close()


def test_a_model_in_a_subfolder_loads(tmp_path: Path) -> None:
    entry = bundled.copy_model(tmp_path)
    (tmp_path / "int8").mkdir()
    for name in ("model.bin", "config.json", "vocabulary.json"):
        (tmp_path / name).rename(tmp_path / "int8" / name)
    model = load(replace(entry, weights=tmp_path / "int8"), device="cpu", threads=1)
    assert model.count_tokens("x = 1") > 2
    model.close()


def test_small_weights_get_one_thread_without_measuring(tmp_path: Path) -> None:
    model = load(bundled.entry(), device="cpu", state_dir=tmp_path)
    model.close()
    assert model.threads == 1
    assert list(tmp_path.iterdir()) == []


def test_threads_of_large_weights_are_measured_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SMALL_BYTES", 0)
    model = load(bundled.entry(), device="cpu", state_dir=tmp_path)
    model.close()
    (chosen,) = json.loads((tmp_path / FILE).read_text()).values()
    assert model.threads == chosen


def test_what_measuring_takes_is_told_apart_from_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SMALL_BYTES", 0)
    monkeypatch.setattr(calibration, "count_available_cores", lambda: 2)
    took: list[float] = []

    def probe(*_: object) -> float:
        begun = time.monotonic()
        time.sleep(0.2)
        took.append(time.monotonic() - begun)
        return 1.0

    monkeypatch.setattr(loading, "_time_typical_request", probe)
    monkeypatch.setattr(loading, "measure_speed", lambda _: Speed(probe(), 1.0))
    told = []
    for _ in range(2):
        begun = time.monotonic()
        model = load(bundled.entry(), device="cpu", state_dir=tmp_path)
        told.append((model.measuring_s, time.monotonic() - begun))
        model.close()
    (first_s, whole_s), (second_s, _) = told
    assert len(took) == 3  # with one thread, with two, and the speed
    assert sum(took) <= first_s < whole_s
    assert second_s < 0.2  # what was measured is only read


COSTS = {1: 1.0, 2: 0.7, 4: 0.9, 8: 0.1}


def test_measuring_stops_where_more_threads_do_not_pay(tmp_path: Path) -> None:
    measured: list[int] = []

    def seconds(threads: int, limit_s: float) -> float:
        measured.append(threads)
        return min(COSTS[threads], limit_s * 2)

    assert choose_threads("m", tmp_path, seconds, cores=8) == 2
    assert measured == [1, 2, 4]
    assert choose_threads("m", tmp_path, seconds, cores=8) == 2
    assert measured == [1, 2, 4], "the second time it is remembered"
    choose_threads("another", tmp_path, seconds, cores=8)
    assert measured == [1, 2, 4] * 2
    assert len(json.loads((tmp_path / FILE).read_text())) == 2


@pytest.mark.parametrize("content", ["", "[]", '{"m": "x"}', "\x00"])
def test_a_damaged_memory_is_measured_again(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    assert choose_threads("m", tmp_path, lambda threads, _: float(threads), cores=4) == 1


def test_a_disk_that_cannot_be_written_only_means_measuring_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert choose_threads("m", tmp_path / "file" / "below", lambda threads, _: float(threads), cores=4) == 1


def test_no_more_threads_are_tried_than_there_are_cores() -> None:
    assert list_thread_counts(1) == (1,)
    assert list_thread_counts(2) == (1, 2)
    assert list_thread_counts(6) == (1, 2, 4, 6)
    assert list_thread_counts(128)[-1] == 16


def test_unmeasured_small_weights_get_one_thread() -> None:
    assert choose_default_threads(7_000_000, cores=16) == 1
    assert choose_default_threads(3_000_000_000, cores=16) == 4
    assert choose_default_threads(3_000_000_000, cores=2) == 2
