"""Models in memory: within a budget, without displacing the other kind, and unloaded when idle."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.catalog.catalog import Catalog
from models.errors import ModelError
from models.host import loaded_models as loaded_models_module
from models.host.loaded_models import Limits, LoadedModels, UnknownModelError
from models.host.protocol import PlacementSettings
from models.scripted.scripted_completion import ENTRY, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.catalog.catalog import ModelEntry

MB = 1_000_000
SIZES = {"small": 100 * MB, "large": 700 * MB, "other": 600 * MB, "talker": 300 * MB, "babbler": 400 * MB}
HERE = PlacementSettings()


class Loaded(ScriptedModel):
    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


class World:
    """LoadedModels with a budget of 1000 MB, and what was loaded into them."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, Loaded]] = []
        self.error: Exception | None = None
        self.executor = ThreadPoolExecutor(4)
        entries = {name: replace(ENTRY, name=name) for name in SIZES}
        entries |= {name: replace(ENTRY, name=name, roles=("chat",)) for name in ("talker", "babbler")}
        loaders: Any = {"completion": self._load, "chat": self._load}
        limits = Limits(1000 * MB, idle_s=100.0)
        self.loaded_models = LoadedModels(None, loaders, limits, self.executor, catalog=lambda _: Catalog(entries))

    def _load(self, entry: ModelEntry, _: PlacementSettings) -> Loaded:
        if self.error is not None:
            raise self.error
        self.loaded.append((entry.name, Loaded({"": entry.name})))
        return self.loaded[-1][1]

    def names(self) -> set[str]:
        return {one.entry.name for one in self.loaded_models}

    def age(self, seconds: float) -> None:
        for one in self.loaded_models:
            one.used_at -= seconds

    def list_closed(self) -> set[str]:
        self.executor.shutdown()
        self.loaded_models._executor = self.executor = ThreadPoolExecutor(4)
        return {name for name, model in self.loaded if model.closed}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(loaded_models_module, "estimate_needed_bytes", lambda entry: SIZES[entry.name])
    monkeypatch.setattr(loaded_models_module, "read_free_bytes", lambda: 10_000 * MB)
    world = World()
    yield world
    world.loaded_models.close()
    world.executor.shutdown()


async def test_many_requests_at_once_load_a_model_once(world: World) -> None:
    found = await asyncio.gather(*(world.loaded_models.get("small", "completion", HERE) for _ in range(10)))
    assert len({id(one.model) for one in found}) == 1
    assert len(world.loaded) == 1


async def test_what_does_not_fit_is_said_with_what_is_there(world: World) -> None:
    await world.loaded_models.get("large", "completion", HERE)
    with pytest.raises(ModelError, match=r"other needs about 600 MB, .* holds large \(700 MB\) with 1000 MB to give"):
        await world.loaded_models.get("other", "completion", HERE)
    assert world.names() == {"large"}


async def test_an_idle_model_makes_room_for_another_of_its_kind(world: World) -> None:
    await world.loaded_models.get("large", "completion", HERE)
    world.age(60.0)
    await world.loaded_models.get("other", "completion", HERE)
    assert world.names() == {"other"}
    assert world.list_closed() == {"large"}


async def test_a_chat_model_never_makes_a_completion_model_leave(world: World) -> None:
    await world.loaded_models.get("large", "completion", HERE)
    await world.loaded_models.get("talker", "chat", HERE)
    world.age(60.0)
    with pytest.raises(ModelError, match=r"babbler needs about 400 MB, .* holds large \(700 MB\), talker \(300 MB\)"):
        await world.loaded_models.get("babbler", "chat", PlacementSettings("cpu"))
    assert world.names() == {"large", "talker"}  # talker did not leave in vain


async def test_a_model_in_use_does_not_leave(world: World) -> None:
    held = await world.loaded_models.get("large", "completion", HERE)
    held.users += 1
    world.age(1000.0)
    world.loaded_models.unload_idle()
    with pytest.raises(ModelError):
        await world.loaded_models.get("other", "completion", HERE)
    assert world.names() == {"large"}


async def test_what_nobody_asked_for_in_long_leaves(world: World) -> None:
    await world.loaded_models.get("small", "completion", HERE)
    world.age(101.0)
    await world.loaded_models.get("talker", "chat", HERE)
    world.loaded_models.unload_idle()
    assert world.names() == {"talker"}
    assert world.list_closed() == {"small"}


@pytest.mark.parametrize("error", [ModelError("The weights are broken; copy them again."), OSError("disk is gone")])
async def test_a_failed_load_is_tried_again_by_the_next_request(world: World, error: Exception) -> None:
    world.error = error
    with pytest.raises(type(error), match=str(error)):
        await world.loaded_models.get("small", "completion", HERE)
    assert not world.names()
    world.error = None
    assert (await world.loaded_models.get("small", "completion", HERE)).model is not None


@pytest.mark.parametrize(("name", "kind"), [("nothing", "completion"), ("talker", "completion"), ("small", "chat")])
async def test_a_name_that_is_not_for_that_is_told_which_are(world: World, name: str, kind: Any) -> None:
    with pytest.raises(UnknownModelError, match=f"no model '{name}' for {kind} here; there are: "):
        await world.loaded_models.get(name, kind, HERE)
