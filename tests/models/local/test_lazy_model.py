from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from models.completion import FillRequest, StopReason
from models.errors import ModelError
from models.local.lazy_model import LazyModel
from models.local.load_times import LoadTime
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.models.bundled import never, to_the_end

if TYPE_CHECKING:
    from pathlib import Path

    from models.local.lazy_model import State

LONG_S = 30.0
REQUEST = FillRequest("a.py", "x = ", "\n")


class Loader:
    """Loads a scripted model when let; counts."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.allowed = threading.Event()
        self.calls = 0
        self.model = ScriptedModel({"": "1"})
        self.problem = problem

    def __call__(self) -> ScriptedModel:
        self.calls += 1
        assert self.allowed.wait(LONG_S)
        if self.problem:
            raise self.problem
        return self.model


def test_nothing_is_loaded_before_it_is_needed() -> None:
    loader = Loader()
    model = LazyModel(ENTRY, loader)
    assert model.state == "unloaded"
    assert model.count_tokens("some words") > 0
    assert loader.calls == 0


def test_the_first_request_loads_and_waits() -> None:
    loader = Loader()
    loader.allowed.set()
    states: list[State] = []
    model = LazyModel(ENTRY, loader, on_state=states.append)
    (generation,) = model.generate(REQUEST, stop=to_the_end, cancelled=never)
    assert generation.text == "1"
    assert model.state == "ready"
    (score,) = model.score(REQUEST, ["1"], cancelled=never)
    assert score.text == "1"
    assert loader.calls == 1
    assert model.wait(LONG_S)
    assert states[0] == "loading"


def test_warming_returns_at_once_and_loads_once() -> None:
    loader = Loader()
    model = LazyModel(ENTRY, loader)
    model.warm()
    model.warm()
    assert model.state == "loading"
    loader.allowed.set()
    assert model.wait(LONG_S)
    assert loader.calls == 1
    assert model.model is loader.model


def test_a_request_given_up_while_loading_returns() -> None:
    loader = Loader()
    model = LazyModel(ENTRY, loader)
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 2

    (generation,) = model.generate(REQUEST, stop=to_the_end, cancelled=is_cancelled)
    assert generation.stop is StopReason.CANCELLED
    assert model.score(REQUEST, ["1"], cancelled=lambda: True) == ()
    loader.allowed.set()
    assert model.wait(LONG_S)


def test_a_model_that_cannot_be_loaded_says_why_at_each_request() -> None:
    loader = Loader(ModelError("The model scripted is broken; fix it."))
    loader.allowed.set()
    model = LazyModel(ENTRY, loader)
    for _ in range(2):
        with pytest.raises(ModelError, match="is broken; fix it"):
            model.generate(REQUEST, stop=to_the_end, cancelled=never)
    assert model.state == "failed"
    assert model.problem == "The model scripted is broken; fix it."
    assert loader.calls == 1


def test_an_unforeseen_error_while_loading_ends_the_waiting_too() -> None:
    loader = Loader(KeyError("surprise"))
    loader.allowed.set()
    model = LazyModel(ENTRY, loader)
    with pytest.raises(ModelError, match=r"could not be loaded .*surprise"):
        model.generate(REQUEST, stop=to_the_end, cancelled=never)
    assert model.state == "failed"


def test_closing_while_loading_frees_what_comes() -> None:
    loader = Loader()
    model = LazyModel(ENTRY, loader)
    model.warm()
    model.close()
    loader.allowed.set()
    loading = [thread for thread in threading.enumerate() if thread.name == "load-scripted"]
    for thread in loading:
        thread.join(LONG_S)
    with pytest.raises(ModelError, match="unloaded"):
        loader.model.generate(REQUEST, stop=to_the_end, cancelled=never)
    with pytest.raises(ModelError, match="unloaded"):
        model.generate(REQUEST, stop=to_the_end, cancelled=never)
    model.close()
    assert model.state == "closed"


def test_what_went_differently_than_configured_is_told() -> None:
    class OnTheCpu(ScriptedModel):
        problems = ("There is no CUDA device here.",)

    model = LazyModel(ENTRY, lambda: OnTheCpu({"": "1"}))
    assert model.wait(LONG_S)
    assert model.problem == "There is no CUDA device here."


class WeightCounts(ScriptedModel):
    """Says that its weights were loaded now, and what measuring took of that time."""

    measuring_s = 0.0


def load_model(loader: Loader, load_time: LoadTime) -> LazyModel:
    """Return a model that was loaded, with its load time stored."""
    model = LazyModel(ENTRY, loader, load_time=load_time)
    model.warm()
    time.sleep(0.01)  # a time under a millisecond is none
    loader.allowed.set()
    for thread in [thread for thread in threading.enumerate() if thread.name == "load-scripted"]:
        thread.join(LONG_S)
    return model


def test_how_far_it_is_follows_the_time_that_the_last_load_took(tmp_path: Path) -> None:
    LoadTime("weights", tmp_path).store(50.0)
    loader = Loader()
    model = LazyModel(ENTRY, loader, load_time=LoadTime("weights", tmp_path))
    assert model.loading_percent is None
    model.warm()
    until = time.monotonic() + LONG_S
    while (shown := model.loading_percent) in {None, 0}:
        assert time.monotonic() < until
    assert shown is not None
    assert 0 < shown <= 100 * model.loading_s / 50.0
    loader.allowed.set()
    assert model.wait(LONG_S)
    assert model.loading_percent is None


def test_the_first_load_has_no_percentage_and_leaves_its_time_without_what_measuring_took(tmp_path: Path) -> None:
    load_time, loader = LoadTime("weights", tmp_path), Loader()
    loader.model = WeightCounts({"": "1"})
    begun = time.monotonic()
    load_model(loader, load_time)
    first = load_time.load_expected_s()
    assert first is not None
    assert 0 <= first <= time.monotonic() - begun + 0.01  # it is kept in few digits
    slow = Loader()
    slow.model = WeightCounts({"": "1"})
    slow.model.measuring_s = -100.0  # as if the load itself had taken so much longer
    load_model(slow, load_time)
    assert 100 <= (load_time.load_expected_s() or 0) <= 100 + first + LONG_S


def test_neither_a_failed_load_nor_weights_that_were_there_leave_a_time(tmp_path: Path) -> None:
    load_time = LoadTime("weights", tmp_path)
    assert load_model(Loader(ModelError("It is broken.")), load_time).state == "failed"
    assert load_model(Loader(), load_time).state == "ready"
    assert load_time.load_expected_s() is None
