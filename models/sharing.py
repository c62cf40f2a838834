"""Loaded models that sessions of one process share: weights are loaded once, and released with the last user.

Start at `load_shared`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import FillRequest, Generation, Score
    from models.local.calibration import Speed
    from models.local.ctranslate_completion import CTranslateModel


class _Weights:
    """A model of this process, and the number of its users. `lock` is held while it is loaded."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: CTranslateModel | None = None
        self.users = 0


_weights: dict[Hashable, _Weights] = {}
_counting = threading.Lock()


def load_shared(key: Hashable, loader: Callable[[], CTranslateModel]) -> SharedModel:
    """Return the model that this process has loaded under `key`; load it by `loader` if it has none.

    While another thread loads it, waits for that.

    Raises:
        ModelError: as `loader`.
    """
    with _counting:
        weights = _weights.setdefault(key, _Weights())
        weights.users += 1
    try:
        with weights.lock:
            is_new = weights.model is None
            if weights.model is None:
                weights.model = loader()
            return SharedModel(key, weights.model, is_new=is_new)
    except BaseException:
        _release(key)
        raise


def _release(key: Hashable) -> None:
    """Count one user of the model under `key` less; free the weights after the last one."""
    with _counting:
        weights = _weights[key]
        weights.users -= 1
        if weights.users:
            return
        del _weights[key]
    if weights.model is not None:
        weights.model.close()


class SharedModel:
    """One user's share of a `CTranslateModel`: closing it does not disturb the others. Thread-safe.

    Attributes:
        problems: deviations from the configuration, one sentence each.
        measuring_s: seconds that measurements took of loading; None if the weights were loaded before.
    """

    def __init__(self, key: Hashable, model: CTranslateModel, *, is_new: bool) -> None:
        """Begin with the loaded `model`; `load_shared` has counted this user."""
        self.problems = model.problems
        self.measuring_s = model.measuring_s if is_new else None
        self._key = key
        self._model = model
        self._closing = threading.Lock()
        self._is_closed = False

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the model."""
        return self._model.entry

    @property
    def device(self) -> str:
        """Device that computes: "cpu" or "cuda"."""
        return self._model.device

    @property
    def compute_type(self) -> str:
        """Number format of the computation ("int8", "float16", ...)."""
        return self._model.compute_type

    @property
    def threads(self) -> int:
        """Number of threads on the CPU; 0 elsewhere."""
        return self._model.threads

    @property
    def speed(self) -> Speed | None:
        """Current estimate of the model's speed here; None if it was not measured."""
        return self._model.speed

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`."""
        return self._model.count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        return self._model.generate(
            request, stop=stop, cancelled=self._also_closed(cancelled), alternatives=alternatives
        )

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; see `models.completion.CompletionModel.score`."""
        return self._model.score(request, continuations, cancelled=self._also_closed(cancelled))

    def close(self) -> None:
        """End this user's calls at the next token, and release the weights if nobody else uses them. Idempotent."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        _release(self._key)

    def _also_closed(self, cancelled: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that returns true once the caller has cancelled or `close` was called."""
        return lambda: self._is_closed or cancelled()
