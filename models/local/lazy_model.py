"""A completion model that is loaded on first use, in a separate thread, so that nothing waits for it at the start.

A request that comes while it loads waits until it is loaded or cancelled. If loading fails, each request raises the
reason. Start at `LazyModel`.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Literal

from models.completion import Generation, StopReason
from models.errors import ModelError
from models.local.load_times import estimate_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Score
    from models.local.load_times import LoadTime
    from models.remote.exchange import HostStatus

_LOG = logging.getLogger(__name__)

State = Literal["unloaded", "loading", "ready", "failed", "closed"]

# Interval at which a request that waits for the load checks whether it was cancelled, in seconds.
POLL_S = 0.02

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class LazyModel:
    """A `models.completion.CompletionModel` that loads another one on first use. Thread-safe."""

    def __init__(
        self,
        entry: ModelEntry,
        loader: Callable[[], CompletionModel],
        *,
        on_state: Callable[[State], None] = lambda _: None,
        load_time: LoadTime | None = None,
    ) -> None:
        """Prepare to load; nothing is loaded yet.

        Args:
            entry: catalog entry of the model to load.
            loader: returns the loaded model, or raises ModelError; called on another thread.
            on_state: called with each new state, from any thread.
            load_time: stores how long loading takes; None for no percentage.
        """
        self._entry = entry
        self._loader = loader
        self._on_state = on_state
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._state: State = "unloaded"
        self._began = 0.0
        self._load_time = load_time
        self._expected_s: float | None = None
        self._listener: Callable[[str], None] | None = None
        self._model: CompletionModel | None = None
        self._problem = ""

    @property
    def state(self) -> State:
        """Current state of the model."""
        return self._state

    @property
    def loading_s(self) -> float:
        """Seconds since loading began; 0 if it is not loading."""
        return max(1e-3, time.monotonic() - self._began) if self._state == "loading" else 0.0

    @property
    def loading_percent(self) -> int | None:
        """Estimated progress of loading, 0 to 99, from the last load; None if unknown or not loading."""
        expected_s, loading_s = self._expected_s, self.loading_s
        return estimate_percent(loading_s, expected_s) if expected_s is not None and loading_s else None

    @property
    def is_settled(self) -> bool:
        """Whether loading has ended, with success or not, so that no request has to wait for it."""
        return self._state not in {"unloaded", "loading"}

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the loaded model, which may be a fallback; until then, that of the model to load."""
        model = self._model
        return self._entry if model is None else model.entry

    @property
    def problem(self) -> str:
        """Reason why loading failed, or deviations from the configuration; "" for none."""
        return self._problem or " ".join(getattr(self._model, "problems", ()))  # not all backends have the attribute

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address of the model's server, if it is loaded and has several; else ()."""
        return tuple(getattr(self._model, "list_hosts", tuple)())

    @property
    def model(self) -> CompletionModel | None:
        """The loaded model, or None."""
        return self._model

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called with each later problem of the model, one sentence for a person; from any thread."""
        self._listener = notify
        self._pass_listener_to(self._model)

    def warm(self) -> None:
        """Start loading on another thread, unless loading has begun before; return at once."""
        with self._lock:
            if self._state != "unloaded":
                return
            self._state, self._began = "loading", time.monotonic()
        self._on_state("loading")
        threading.Thread(target=self._load, name=f"load-{self.entry.name}", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Load the model, wait for the end of loading, at most `timeout_s` seconds, and return whether it is ready."""
        self.warm()
        self._settled.wait(timeout_s)
        return self._state == "ready"

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`; an estimate until the model is loaded."""
        model = self._model
        return model.count_tokens(text) if model else len(text) // 3

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Load the model if needed, and complete `request`; see `models.completion.CompletionModel.generate`.

        If cancelled while the model loads, return one empty generation.
        """
        model = self._wait_for_model(cancelled)
        if model is None:
            return NOTHING
        return model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Load the model if needed, and score `continuations`; see `models.completion.CompletionModel.score`.

        If cancelled while the model loads, return ().
        """
        model = self._wait_for_model(cancelled)
        return model.score(request, continuations, cancelled=cancelled) if model else ()

    def close(self) -> None:
        """Release the weights, also those that are still loading."""
        with self._lock:
            model, self._model = self._model, None
            self._state = "closed"
            self._settled.set()
        if model:
            model.close()

    def _load(self) -> None:
        """Load the model, pass it or the reason of a failure to `_settle`, and store how long loading took.

        The time is not stored if loading failed or if the model host already had the weights.
        """
        model: CompletionModel | None = None
        problem = ""
        if self._load_time is not None:
            self._expected_s = self._load_time.load_expected_s()
        try:
            model = self._loader()
        except ModelError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  # waiting requests have to get the error of this thread
            problem = f"The model {self.entry.name} could not be loaded ({error!r}); the log says more."
            _LOG.exception("Loading the model %s failed.", self.entry.name)
        # Without `measuring_s`, the host had loaded the weights before, so the time is not that of a load.
        measuring_s = getattr(model, "measuring_s", None)
        plain_s = None if measuring_s is None else time.monotonic() - self._began - measuring_s
        self._settle(model, problem)
        if self._load_time is not None and plain_s is not None:
            self._load_time.store(plain_s)

    def _settle(self, model: CompletionModel | None, problem: str) -> None:
        """Store the loaded model or the problem, wake waiting requests, and report the new state to `on_state`.

        After `close` the model is released instead of stored.
        """
        with self._lock:
            closed = self._state == "closed"
            if not closed:
                self._pass_listener_to(model)
                self._model, self._problem = model, problem
                self._state = "ready" if model else "failed"
            state = self._state
        if closed and model:
            model.close()
        self._settled.set()
        self._on_state(state)

    def _pass_listener_to(self, model: CompletionModel | None) -> None:
        """Register the listener with `model`, if there is a listener and the model can notify it."""
        set_listener = getattr(model, "set_listener", None)  # not all backends have problems after loading
        if set_listener is not None and self._listener is not None:
            set_listener(self._listener)

    def _wait_for_model(self, cancelled: Callable[[], bool]) -> CompletionModel | None:
        """Start loading if needed, and return the model once it is loaded; None if cancelled before.

        Raises:
            ModelError: it could not be loaded, or `close` was called.
        """
        self.warm()
        while not self._settled.wait(POLL_S):
            if cancelled():
                return None
        model = self._model
        if model is None:
            raise ModelError(self._problem or f"The model {self.entry.name} was unloaded; choose a model again.")
        return model
