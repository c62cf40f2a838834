"""A model on a GPU that is not here: what is tried where memory does not suffice is held by a scripted engine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from models.local import cuda, loading
from models.local.loading import load
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.fim import Prompt
    from models.local.engine import Engine, Placement

MEMORY = RuntimeError("CUDA failed with error out of memory")


class ScriptedEngine:
    """An engine that fails as it is told to."""

    def __init__(self, failing: Callable[[str, int], Exception | None], placement: Placement) -> None:
        self.placement = placement
        self.closed = False
        self._failing = failing
        if error := failing(placement.compute_type, 0):
            raise error

    def decode(self, prompt: Prompt, _: object) -> None:
        if error := self._failing(self.placement.compute_type, len(prompt.tokens)):
            raise error

    def close(self) -> None:
        self.closed = True


def load_with_failures(
    failing: Callable[[str, int], Exception | None], compute_type: str = "auto"
) -> tuple[str | None, list[str], list[ScriptedEngine]]:
    """Load a model and return its compute type (None on the CPU), the problems, and all engines that were made."""
    made: list[ScriptedEngine] = []
    problems: list[str] = []

    def make(placement: Placement) -> Engine:
        made.append(ScriptedEngine(failing, placement))
        return cast("Engine", made[-1])

    engine = cuda.load_on_gpu(make, "m", compute_type, problems, token="x", context_tokens=8192)
    return (None if engine is None else made[-1].placement.compute_type), problems, made


def test_what_fits_is_taken_and_nothing_is_said() -> None:
    found, problems, made = load_with_failures(lambda _type, _tokens: None)
    assert (found, problems, len(made)) == ("auto", [], 1)


@pytest.mark.parametrize(
    ("wanted", "fits", "tried"),
    [
        ("auto", "float16", "float16"),
        ("float32", "int8_float16", "int8_float16"),
        ("float16", "int8", "int8"),
        ("bfloat16", "int8_float16", "int8_float16"),
    ],
)
def test_too_little_memory_for_the_weights_takes_a_smaller_type_and_says_so(wanted: str, fits: str, tried: str) -> None:
    found, (problem,), _ = load_with_failures(lambda one, _: None if one == fits else MEMORY, wanted)
    assert found == tried
    assert f"too little memory for the model m in {wanted}, so it computes there in {tried}" in problem


def test_too_little_memory_for_a_long_prompt_is_found_out_at_once() -> None:
    found, problems, made = load_with_failures(lambda one, tokens: MEMORY if one == "auto" and tokens > 1000 else None)
    assert (found, len(problems)) == ("float16", 1)
    assert [engine.closed for engine in made] == [True, False]


def test_where_nothing_fits_it_is_the_cpu_and_says_so() -> None:
    found, (problem,), _ = load_with_failures(lambda _type, _tokens: MEMORY)
    assert found is None
    assert "in any compute type, so it computes on the CPU" in problem


def test_a_type_that_the_gpu_does_not_have_is_passed_over_on_the_way_down() -> None:
    def failing(one: str, _: int) -> Exception | None:
        return {"auto": MEMORY, "float16": ValueError("target device or backend do not support float16")}.get(one)

    assert load_with_failures(failing)[0] == "int8_float16"


def test_another_failure_is_the_cpu_at_once_and_names_the_extra() -> None:
    found, (problem,), made = load_with_failures(
        lambda _type, _tokens: RuntimeError("Library libcublas.so.12 is not found")
    )
    assert (found, made) == (None, [])
    assert "'.[cuda]'" in problem


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MEMORY, True),
        (MemoryError(), True),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_NOT_INITIALIZED"), False),
        (ValueError("no such thing"), False),
    ],
)
def test_a_lack_of_memory_is_told_from_other_failures(error: Exception, *, short: bool) -> None:
    assert cuda.is_short_of_memory(error) is short


def test_a_model_that_does_not_fit_the_gpu_loads_on_the_cpu_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = loading.Engine

    def short(folder: Path, placement: Placement, **options: object) -> Engine:
        if placement.device == "cuda":
            raise MEMORY
        return engine(folder, placement, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "count_cuda_devices", lambda: 1)
    monkeypatch.setattr(loading, "Engine", short)
    model = load(bundled.entry(), device="auto", threads=1)
    assert model.device == "cpu"
    assert "computes on the CPU" in model.problems[0]
    model.close()


@pytest.fixture
def forgetful() -> Iterator[None]:
    cuda.load_libraries.cache_clear()
    yield
    cuda.load_libraries.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_the_wheels_libraries_are_loaded_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda _: spec)
    monkeypatch.setattr(cuda.ctypes, "CDLL", lambda path, _mode: loaded.append(Path(path).name))
    monkeypatch.setattr(sys, "platform", "linux")
    assert [path.name for path in cuda.load_libraries()] == loaded == ["libcublasLt.so.12", "libcublas.so.12"]


@pytest.mark.usefixtures("forgetful")
def test_without_the_wheel_or_with_a_broken_one_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda _: None)
    assert cuda.load_libraries() == ()
    cuda.load_libraries.cache_clear()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libcublas.so.12").write_text("no library")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda _: spec)
    assert cuda.load_libraries() == ()
