"""The models in memory: loaded when they are asked for, within a budget, and let go when nobody has asked for long.

A completion model never makes a chat model leave, or the other way round: only an idle one of the same kind gives way,
and what does not fit is said. On the event loop; loading is done by a thread. Start at `LoadedModels.get`.
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
# A model that was used this lately is not sent away for another of its kind.
SETTLED_S = 30.0


class UnknownModelError(ModelError):
    """No model of that name can do that."""


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, or on its way there.

    Attributes:
        entry: which.
        kind: what for.
        size_bytes: of the memory counted for it.
        turns: the line before it.
        model: it, once loaded.
        used_at: when it was last asked for, by `time.monotonic`.
        users: how many requests hold it.
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
        """The loaded model, None while it is not."""
        return self.loading.result() if self.loading.done() and not self.loading.exception() else None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the host.

    Attributes:
        memory_bytes: that all models may have together.
        waiting: requests that wait for one model.
        idle_s: a model, and the host itself, leaves after so long without a request.
    """

    memory_bytes: int
    waiting: int = 64
    idle_s: float = 900.0


class LoadedModels:
    """All of them."""

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
        """All models of the catalog as it is on the disk now."""
        return list(self._catalog(self._models_dir).entries.values())

    async def get(self, name: str, kind: Kind, placing: PlacementSettings) -> LoadedModel:
        """The model, loaded.

        Raises:
            UnknownModelError: there is none of that name for that.
            ModelError: it cannot be loaded, or does not fit.
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
        except ModelError:
            if self._models.get(key) is loaded:
                del self._models[key]
            raise
        return loaded

    def unload_idle(self) -> None:
        """Let go of what nobody has asked for."""
        now = time.monotonic()
        for key, one in list(self._models.items()):
            if _is_idle(one) and now - one.used_at > self.limits.idle_s:
                self._unload(key)

    def close(self) -> None:
        """Let go of all; what computes ends at its next token."""
        for key in list(self._models):
            self._unload(key)

    def _find_entry(self, name: str, kind: Kind) -> ModelEntry:
        catalog = self._catalog(self._models_dir)
        fitting = [entry for entry in catalog.entries.values() if kind in entry.roles]
        entry = catalog.get(name) if name else next(iter(fitting), None)
        if entry is None or entry not in fitting:
            names = ", ".join(entry.name for entry in fitting) or "none"
            what = f"There is no model {name!r} for {kind} here" if name else f"There is no model for {kind} here"
            raise UnknownModelError(f"{what}; there are: {names}.")
        return entry

    def _admit(self, entry: ModelEntry, kind: Kind) -> LoadedModel:
        """A place for a model that is about to be loaded; idle ones of its kind leave for it if need be."""
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
        held = sum(one.size_bytes for one in self)
        arriving = sum(one.size_bytes for one in self if not one.loading.done())
        return held + needed <= self.limits.memory_bytes and arriving + needed <= read_free_bytes()

    def _explain_shortage(self, entry: ModelEntry, needed: int) -> str:
        held = ", ".join(f"{one.entry.name} ({one.size_bytes // 1_000_000} MB)" for one in self)
        return (
            f"The model {entry.name} needs about {needed // 1_000_000} MB, and the model host "
            + (f"holds {held}" if held else "holds nothing yet")
            + f" with {self.limits.memory_bytes // 1_000_000} MB to give and {read_free_bytes() // 1_000_000} MB free; "
            "choose a smaller model, or give it more with `starling models serve --memory`."
        )

    def _unload(self, key: tuple[Any, ...]) -> None:
        loaded = self._models.pop(key)
        logger.info("model let go", extra={"model": loaded.entry.name})
        if loaded.loading.done() and not loaded.loading.cancelled() and loaded.loading.exception() is None:
            self._executor.submit(loaded.loading.result().close)
        else:
            loaded.loading.add_done_callback(_close_late)


def _close_late(loading: asyncio.Future[Any]) -> None:
    if not loading.cancelled() and loading.exception() is None:
        loading.result().close()


def _is_idle(loaded: LoadedModel) -> bool:
    return loaded.loading.done() and not loaded.users and loaded.turns.idle


def _read_stamp(entry: ModelEntry) -> tuple[int, int]:
    """Changes when other weights are put in the folder."""
    try:
        status = (entry.weights / WEIGHTS_FILE).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
