"""Models in memory: loaded on demand within a memory budget, and unloaded after a time without requests.

A completion model never displaces a chat model, or the other way round: only an idle model of the same kind is unloaded
for a new one, and a model that does not fit is refused. A model that is used for completion and for chat is loaded
twice. For one event loop; threads load. Start at `LoadedModels.get`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from models.catalog.catalog import Catalog
from models.errors import ModelError
from models.host.fair_queue import FairQueue
from models.local.loading import estimate_needed_bytes, read_free_bytes
from models.local.weights_file import WEIGHTS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from models.catalog.catalog import ModelEntry
    from models.host.protocol import PlacementSettings

logger = logging.getLogger(__name__)

Kind = Literal["completion", "chat", "embedding"]
# A model that was used within the last so many seconds is not unloaded for another one.
SETTLED_S = 30.0


class UnknownModelError(ModelError):
    """There is no model of that name for that purpose."""


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, or one that is being loaded.

    Attributes:
        entry: its catalog entry.
        kind: its purpose.
        size_bytes: estimated memory, by which it counts.
        turns: the queue of its requests.
        loading: future of the loaded model.
        used_at: when it was last requested, by `time.monotonic`.
        users: number of requests that use it.
    """

    entry: ModelEntry
    kind: Kind
    size_bytes: int
    turns: FairQueue
    loading: asyncio.Future[Any]
    used_at: float = field(default_factory=time.monotonic)
    users: int = 0

    @property
    def model(self) -> Any:  # noqa: ANN401 (one of the three ports, by kind)
        """The loaded model; None until it is loaded."""
        return self.loading.result() if self.loading.done() and not self.loading.exception() else None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the host.

    Attributes:
        memory_bytes: memory for all models together.
        waiting: most requests that wait for one model.
        idle_s: seconds without a request after which a model is unloaded, and after which the host ends.
    """

    memory_bytes: int
    waiting: int = 64
    idle_s: float = 900.0


class LoadedModels:
    """All models in memory.

    Args:
        models_dir: folder of the user's own models.
        loaders: functions that load each kind of model, called on a thread.
        limits: bounds of the host.
        executor: runs the loaders.
        catalog: reads the catalog.
    """

    def __init__(
        self,
        models_dir: Path | None,
        loaders: Mapping[Kind, Callable[[ModelEntry, PlacementSettings], Any]],
        limits: Limits,
        executor: Executor,
        *,
        catalog: Callable[[Path | None], Catalog] = Catalog.load,
    ) -> None:
        self.limits = limits
        self._models_dir = models_dir
        self._loaders = loaders
        self._executor = executor
        self._catalog = catalog
        self._models: dict[tuple[Any, ...], LoadedModel] = {}

    def __iter__(self) -> Iterator[LoadedModel]:
        return iter(list(self._models.values()))

    def list_entries(self) -> list[ModelEntry]:
        """Return the entries of the catalog as it is on disk now."""
        return list(self._catalog(self._models_dir).entries.values())

    async def get(self, name: str, kind: Kind, placing: PlacementSettings) -> LoadedModel:
        """Load the model `name` ("" for the first of `kind`) as `placing` says, unless it is in memory; return it.

        A model with another placement, or with weights replaced since, is loaded anew. Idle models of the same kind
        may be unloaded to make room.

        Raises:
            UnknownModelError: there is no model of that name and kind.
            ModelError: it cannot be loaded, or does not fit into memory.
        """
        entry = self._find_entry(name, kind)
        key = (entry.name, kind, placing, _read_stamp(entry))
        loaded = self._models.get(key)
        if loaded is None:
            loaded = self._models[key] = self._admit(entry, kind)
            loaded.loading = asyncio.get_running_loop().run_in_executor(
                self._executor, self._loaders[kind], entry, placing
            )
        loaded.used_at = time.monotonic()
        try:
            await asyncio.shield(loaded.loading)
        except Exception:
            if self._models.get(key) is loaded:
                del self._models[key]
            raise
        return loaded

    def unload_idle(self) -> None:
        """Unload the models that have had no request for `Limits.idle_s` seconds."""
        now = time.monotonic()
        for key, one in list(self._models.items()):
            if _is_idle(one) and now - one.used_at > self.limits.idle_s:
                self._unload(key)

    def close(self) -> None:
        """Unload all models; running computations end at their next token."""
        for key in list(self._models):
            self._unload(key)

    def _find_entry(self, name: str, kind: Kind) -> ModelEntry:
        """Return the catalog entry of the model `name` ("" for the first one) if it is of `kind`.

        Raises:
            UnknownModelError: there is no model of that name and kind.
        """
        catalog = self._catalog(self._models_dir)
        fitting = [entry for entry in catalog.entries.values() if kind in entry.roles]
        entry = catalog.get(name) if name else next(iter(fitting), None)
        if entry is None or entry not in fitting:
            names = ", ".join(entry.name for entry in fitting) or "none"
            what = f"There is no model {name!r} for {kind} here" if name else f"There is no model for {kind} here"
            raise UnknownModelError(f"{what}; there are: {names}.")
        return entry

    def _admit(self, entry: ModelEntry, kind: Kind) -> LoadedModel:
        """Reserve memory for a model and return its record, whose `loading` the caller has to set.

        If needed, models of `kind` that have been idle for `SETTLED_S` seconds are unloaded.

        Raises:
            ModelError: it would not fit even then.
        """
        needed = estimate_needed_bytes(entry)
        now = time.monotonic()
        idle = sorted(
            (
                (key, one)
                for key, one in self._models.items()
                if one.kind == kind and _is_idle(one) and now - one.used_at > SETTLED_S
            ),
            key=lambda pair: pair[1].used_at,
        )
        leaving: list[tuple[Any, ...]] = []
        spared = 0
        while idle and not self._has_room(needed - spared):
            key, one = idle.pop(0)
            leaving.append(key)
            spared += one.size_bytes
        if not self._has_room(needed - spared):
            raise ModelError(self._explain_shortage(entry, needed))
        for key in leaving:
            self._unload(key)
        return LoadedModel(entry, kind, needed, FairQueue(self.limits.waiting), asyncio.Future())

    def _has_room(self, needed: int) -> bool:
        """Return whether another `needed` bytes fit the budget and the machine's free memory."""
        held = sum(one.size_bytes for one in self)
        arriving = sum(one.size_bytes for one in self if not one.loading.done())
        return held + needed <= self.limits.memory_bytes and arriving + needed <= read_free_bytes()

    def _explain_shortage(self, entry: ModelEntry, needed: int) -> str:
        """Return the message for a model that does not fit into memory."""
        held = ", ".join(f"{one.entry.name} ({one.size_bytes // 1_000_000} MB)" for one in self)
        return (
            f"The model {entry.name} needs about {needed // 1_000_000} MB, and the model host "
            + (f"holds {held}" if held else "holds nothing yet")
            + f" with {self.limits.memory_bytes // 1_000_000} MB to give and {read_free_bytes() // 1_000_000} MB free; "
            "choose a smaller model, or give it more with `starling models serve --memory`."
        )

    def _unload(self, key: tuple[Any, ...]) -> None:
        """Remove the model under `key` and release its weights; if it is still loading, once it is loaded."""
        loaded = self._models.pop(key)
        logger.info("model unloaded", extra={"model": loaded.entry.name})
        if loaded.loading.done() and not loaded.loading.cancelled() and loaded.loading.exception() is None:
            self._executor.submit(loaded.loading.result().close)
        else:
            loaded.loading.add_done_callback(_close_loaded)


def _close_loaded(loading: asyncio.Future[Any]) -> None:
    """Release the weights that `loading` loaded, if it succeeded; for a model that was unloaded while loading."""
    if not loading.cancelled() and loading.exception() is None:
        loading.result().close()


def _is_idle(loaded: LoadedModel) -> bool:
    """Return whether the model is loaded and no request uses it or waits for it."""
    return loaded.loading.done() and not loaded.users and loaded.turns.idle


def _read_stamp(entry: ModelEntry) -> tuple[int, int]:
    """Return time of change and size of the weights file, to recognize replaced weights; (0, 0) if it is missing."""
    try:
        status = (entry.weights / WEIGHTS_FILE).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
