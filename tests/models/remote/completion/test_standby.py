"""A model elsewhere that goes away and comes back, and the one that stands by meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models.completion import FillRequest
from models.errors import ModelError
from models.local.lazy_model import LazyModel
from models.remote.circuit import REST_S
from models.remote.completion.standby import StandbyModel
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.catalog.catalog import ModelEntry
    from models.completion import Generation, Score

REQUEST = FillRequest("a.py", "x = ", "")


class Elsewhere(ScriptedModel):
    """A model that can be switched off."""

    def __init__(self, world: World) -> None:
        super().__init__({"": "elsewhere"})
        self.closed = False
        self._world = world

    @property
    def entry(self) -> ModelEntry:
        return replace(ENTRY, name="elsewhere")

    def generate(self, *arguments: object, **named: object) -> tuple[Generation, ...]:
        if not self._world.up:
            raise ModelError("The server is away.")
        return super().generate(*arguments, **named)  # type: ignore[arg-type]

    def score(self, *arguments: object, **named: object) -> tuple[Score, ...]:
        if not self._world.up:
            raise ModelError("The server is away.")
        return super().score(*arguments, **named)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed = True


class World:
    """A server, a clock, and work that is done when a test says so."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.now = 0.0
        self.work: list[Callable[[], None]] = []
        self.connected: list[Elsewhere] = []
        self.loaded: list[ScriptedModel] = []

    def connect(self) -> Elsewhere:
        if not self.up:
            raise ModelError("The server is away.")
        self.connected.append(Elsewhere(self))
        return self.connected[-1]

    def load(self) -> ScriptedModel:
        self.loaded.append(ScriptedModel({"": "here"}))
        return self.loaded[-1]

    def model(self) -> StandbyModel:
        return StandbyModel(self.connect, self.load, clock=lambda: self.now, run_in_background=self.work.append)


def generate_text(model: StandbyModel | LazyModel) -> str:
    (answer,) = model.generate(REQUEST, stop=bundled.to_the_end, cancelled=bundled.never)
    return answer.text


def test_what_answers_elsewhere_is_used_and_nothing_is_loaded_here() -> None:
    world = World()
    model = world.model()
    assert (generate_text(model), model.entry.name, model.problems, world.loaded) == ("elsewhere", "elsewhere", (), [])


def test_a_server_that_is_away_at_first_is_stood_in_for_and_looked_for_again() -> None:
    world = World(up=False)
    model = world.model()
    assert (generate_text(model), model.entry.name) == ("here", ENTRY.name)
    assert model.problems == (f"The server is away. Until it answers {ENTRY.name} completes, on this machine.",)
    assert world.work == []
    world.up, world.now = True, REST_S
    assert generate_text(model) == "here"  # it is looked for in the background
    (look,) = world.work
    look()
    assert (generate_text(model), model.problems, model.entry.name) == ("elsewhere", (), "elsewhere")


def test_a_person_hears_once_for_each_time_that_it_goes_away() -> None:
    world = World()
    model = LazyModel(ENTRY, world.model)
    told: list[str] = []
    model.set_listener(told.append)
    assert model.wait(30)
    assert (generate_text(model), told) == ("elsewhere", [])
    for time in (1, 2):
        world.up = False
        assert [generate_text(model) for _ in range(3)] == ["here"] * 3
        assert told == ["The server is away. Until then another model completes, on this machine."] * time
        world.now += 100 * REST_S
        generate_text(model)
        world.work.pop()()  # still away, which is no news
        world.up, world.now = True, world.now + 100 * REST_S
        generate_text(model)
        world.work.pop()()
        assert generate_text(model) == "elsewhere"
    assert len(told) == 2


def test_a_request_in_hand_is_answered_when_the_server_goes_away() -> None:
    world = World()
    model = world.model()
    world.up = False
    assert generate_text(model) == "here"
    assert world.connected[0].closed
    assert model.score(REQUEST, ["here"], cancelled=bundled.never)
    assert len(world.loaded) == 1


def test_the_rest_grows_and_only_one_looks_at_a_time() -> None:
    world = World(up=False)
    model = world.model()
    looks = []
    for now in (REST_S, REST_S + 1, 2 * REST_S, 3 * REST_S, 4 * REST_S):
        world.now = now
        generate_text(model)
        looks.append(len(world.work))
        for work in world.work[-1:] if now != REST_S + 1 else []:
            work()
            world.work[-1] = lambda: None
    assert looks == [1, 1, 1, 2, 2]


def test_without_either_it_says_what_is_wrong_with_the_one_that_was_wanted() -> None:
    world = World(up=False)

    def load() -> ScriptedModel:
        raise ModelError("No weights.")

    with pytest.raises(ModelError, match="The server is away"):
        StandbyModel(world.connect, load)


def test_both_are_closed_and_one_that_is_found_too_late_too() -> None:
    world = World(up=False)
    model = world.model()
    world.up, world.now = True, REST_S
    generate_text(model)
    model.close()
    world.work[0]()
    assert world.connected[0].closed
    with pytest.raises(ModelError, match="unloaded"):
        generate_text(model)


def test_a_lazy_model_tells_who_completes_now() -> None:
    world = World()
    lazy = LazyModel(ENTRY, world.model)
    assert lazy.wait(30)
    assert (lazy.entry.name, lazy.problem) == ("elsewhere", "")
    world.up = False
    assert generate_text(lazy) == "here"
    assert lazy.entry.name == ENTRY.name
    assert "Until it answers" in lazy.problem
    lazy.close()
