"""A model that loads when it is first needed, in its own thread, so that nobody waits for it at the start.

While it loads, a request waits for it as long as it is wanted; a model that cannot be loaded says why at each request
and stays usable in every other way. Start at `LazyModel`.
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

_LOG = logging.getLogger(__name__)

State = Literal["unloaded", "loading", "ready", "failed", "closed"]

# How soon a waiting request notices that it is no longer wanted.
POLL_S = 0.02

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class LazyModel:
    """Implements `models.completion.CompletionModel` around a loader. Thread-safe."""

    def __init__(
        self,
        entry: ModelEntry,
        loader: Callable[[], CompletionModel],
        *,
        on_state: Callable[[State], None] = lambda _: None,
        load_time: LoadTime | None = None,
    ) -> None:
        """Prepare to load.

        Args:
            entry: what will be loaded.
            loader: loads it; raises ModelError.
            on_state: called with each new state, from the loading thread.
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
        """How far it is."""
        return self._state

    @property
    def loading_s(self) -> float:
        """Return for how long it has been loading, seconds; 0 when it is not."""
        return max(1e-3, time.monotonic() - self._began) if self._state == "loading" else 0.0

    @property
    def loading_percent(self) -> int | None:
        """Return how far loading is, estimated from the last load, 0 to 99; None if unknown or not loading."""
        expected_s, loading_s = self._expected_s, self.loading_s
        return estimate_percent(loading_s, expected_s) if expected_s is not None and loading_s else None

    @property
    def ready(self) -> bool:
        """Whether a request would be answered, or refused, without waiting for it to load."""
        return self._state not in {"unloaded", "loading"}

    @property
    def entry(self) -> ModelEntry:
        """What will be loaded, or what is: of a server elsewhere only it knows, and another may stand in for it."""
        model = self._model
        return self._entry if model is None else model.entry

    @property
    def problem(self) -> str:
        """Why it could not be loaded, or what went differently than configured, in one sentence; "" otherwise."""
        return self._problem or " ".join(getattr(self._model, "problems", ()))  # of the backends that can have any

    @property
    def model(self) -> CompletionModel | None:
        """The loaded model, or None."""
        return self._model

    def listen(self, told: Callable[[str], None]) -> None:
        """Have `told` hear of what a person should know of the model later on, from any thread."""
        self._listener = told
        self._pass_listener_to(self._model)

    def warm(self) -> None:
        """Begin to load, in another thread; returns at once."""
        with self._lock:
            if self._state != "unloaded":
                return
            self._state, self._began = "loading", time.monotonic()
        self._on_state("loading")
        threading.Thread(target=self._load, name=f"load-{self.entry.name}", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Load and wait for it; whether it is ready."""
        self.warm()
        self._settled.wait(timeout_s)
        return self._state == "ready"

    def count_tokens(self, text: str) -> int:
        """Number of the model's tokens; an estimate while it is not loaded."""
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
        """Complete `request` once loaded; see `models.completion.CompletionModel.generate`."""
        model = self._wait_for_model(cancelled)
        if model is None:
            return NOTHING
        return model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Judge `continuations` once loaded; see `models.completion.CompletionModel.score`."""
        model = self._wait_for_model(cancelled)
        return model.score(request, continuations, cancelled=cancelled) if model else ()

    def close(self) -> None:
        """Free the weights, also those that are still being loaded."""
        with self._lock:
            model, self._model = self._model, None
            self._state = "closed"
            self._settled.set()
        if model:
            model.close()

    def _load(self) -> None:
        model: CompletionModel | None = None
        problem = ""
        if self._load_time is not None:
            self._expected_s = self._load_time.load_expected_s()
        try:
            model = self._loader()
        except ModelError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  # the edge of a thread: whoever waits must hear of it
            problem = f"The model {self.entry.name} could not be loaded ({error!r}); the log says more."
            _LOG.exception("Loading the model %s failed.", self.entry.name)
        # A model that found its weights loaded elsewhere has no `measuring_s`: its time is none of a load.
        measuring_s = getattr(model, "measuring_s", None)
        plain_s = None if measuring_s is None else time.monotonic() - self._began - measuring_s
        self._settle(model, problem)
        if self._load_time is not None and plain_s is not None:
            self._load_time.store(plain_s)

    def _settle(self, model: CompletionModel | None, problem: str) -> None:
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
        listen = getattr(model, "listen", None)  # of the backends that have anything to tell
        if listen is not None and self._listener is not None:
            listen(self._listener)

    def _wait_for_model(self, cancelled: Callable[[], bool]) -> CompletionModel | None:
        """The model, or None when the request was given up meanwhile."""
        self.warm()
        while not self._settled.wait(POLL_S):
            if cancelled():
                return None
        model = self._model
        if model is None:
            raise ModelError(self._problem or f"The model {self.entry.name} was unloaded; choose a model again.")
        return model
