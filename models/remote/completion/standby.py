"""A completion model at an address with a local fallback that completes while the server does not answer.

No request waits for a server that is down: a background thread tries to connect again, after a rest that doubles with
each failure. Start at `StandbyModel`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.errors import ModelError
from models.remote.circuit import LONGEST_REST_S, REST_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Generation, Score
    from models.remote.exchange import HostStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Absence:
    """Rules for a remote model that does not answer.

    Attributes:
        first_rest_s: seconds before the first attempt to connect again; doubled before each further attempt.
        longest_rest_s: upper bound of the rest.
        at_first: errors of the first connection that switch to the fallback; all others reach the caller.
        later: errors of requests that switch to the fallback.
    """

    first_rest_s: float = REST_S
    longest_rest_s: float = LONGEST_REST_S
    at_first: type[ModelError] = ModelError
    later: type[ModelError] = ModelError


ANY_ABSENCE = Absence()


class StandbyModel:
    """A completion model that switches between a remote model and a local one.

    Implements `models.completion.CompletionModel`. Thread-safe.
    """

    def __init__(
        self,
        connect: Callable[[], CompletionModel],
        load: Callable[[], CompletionModel],
        *,
        clock: Callable[[], float] = time.monotonic,
        run_in_background: Callable[[Callable[[], None]], object] = lambda work: threading.Thread(
            target=work, daemon=True
        ).start(),
        absence: Absence = ANY_ABSENCE,
    ) -> None:
        """Connect to the remote model; if that fails, load the local model.

        Args:
            connect: connects to the remote model and returns it, or raises ModelError.
            load: loads the local model and returns it, or raises ModelError.
            clock: returns the time in seconds.
            run_in_background: starts a function and returns at once.
            absence: which errors switch to the fallback, and the rests between attempts to connect.

        Raises:
            ModelError: neither model is available, or `connect` raised an error that is not in `absence.at_first`.
        """
        self._connect = connect
        self._load = load
        self._clock = clock
        self._run_in_background = run_in_background
        self._lock = threading.Lock()
        self._remote: CompletionModel | None = None
        self._local: CompletionModel | None = None
        self._why = ""  # why the remote model is not asked; "" while it answers
        self._absence = absence
        self._rest_s = absence.first_rest_s
        self._retry_at = 0.0
        self._reconnecting = False
        self._closed = False
        self._notify: Callable[[str], None] = lambda _: None
        try:
            self._remote = connect()
        except absence.at_first as error:
            self._note_absence(error)
            try:
                self._load_local()
            except ModelError:
                raise error from None

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the model that completes now; reading it, or a property below, may load the local model."""
        return self._get_current_model().entry

    @property
    def problems(self) -> tuple[str, ...]:
        """Reason why the fallback completes, or the remote model's own problems; one sentence each."""
        remote = self._remote
        if remote is not None:
            return tuple(getattr(remote, "problems", ()))
        if self._local is None:
            return ()
        return (f"{self._why} Until it answers {self._local.entry.name} completes, on this machine.",)

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address of the remote model's server, if it has several and answers; else ()."""
        return tuple(getattr(self._remote, "list_hosts", tuple)())

    @property
    def device(self) -> str:
        """Device of the model that completes now; "" if unknown."""
        return str(getattr(self._get_current_model(), "device", ""))

    @property
    def compute_type(self) -> str:
        """Compute type of the model that completes now; "" if unknown."""
        return str(getattr(self._get_current_model(), "compute_type", ""))

    @property
    def threads(self) -> int:
        """Number of threads of the model that completes now; 0 if unknown."""
        return int(getattr(self._get_current_model(), "threads", 0))

    @property
    def measuring_s(self) -> float | None:
        """Seconds that the remote model spent on measuring while it loaded; None if it was in memory before."""
        return getattr(self._remote, "measuring_s", None)

    def set_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called, from any thread, with a message each time the remote model stops answering.

        The remote model passes its own later problems to `notify` too.
        """
        self._notify = notify
        self._pass_listener_to(self._remote)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in `text`, by the model that completes now."""
        return self._get_current_model().count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        return self._call_model(  # type: ignore[no-any-return]
            lambda model: model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        )

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; see `models.completion.CompletionModel.score`."""
        return self._call_model(  # type: ignore[no-any-return]
            lambda model: model.score(request, continuations, cancelled=cancelled)
        )

    def close(self) -> None:
        """Close both models. Idempotent."""
        with self._lock:
            self._closed = True
            models, self._remote, self._local = (self._remote, self._local), None, None
        for model in models:
            if model is not None:
                model.close()

    def _call_model(self, call: Callable[[CompletionModel], Any]) -> Any:  # noqa: ANN401 (whatever the call gives)
        """Return the result of `call` with the remote model; while that is absent, with the local model.

        The remote model is absent from an error in `absence.later` on, until an attempt in the background reaches it
        again.

        Raises:
            ModelError: any other error of the remote model, or the local one cannot be loaded.
        """
        remote = self._remote
        if remote is not None:
            try:
                return call(remote)
            except self._absence.later as error:
                if self._closed:
                    raise
                self._note_absence(error, remote)
        self._reconnect_if_due()
        return call(self._load_local())

    def _get_current_model(self) -> CompletionModel:
        """Return the model that completes now; while the remote model is absent, load the local one if needed."""
        return self._remote or self._load_local()

    def _load_local(self) -> CompletionModel:
        """Return the local model; load it at the first call.

        Raises:
            ModelError: it cannot be loaded, or this object was closed.
        """
        with self._lock:
            if self._closed:
                raise ModelError("The model was unloaded; choose a model again.")
            if self._local is None:
                self._local = self._load()
            return self._local

    def _note_absence(self, error: ModelError, lost: CompletionModel | None = None) -> None:
        """Switch to the fallback because of `error` and begin a rest; close `lost`, the remote model that failed.

        The listener is notified unless the fallback was completing before. Do nothing if `lost` is no longer in use.
        """
        with self._lock:
            if lost is not None and lost is not self._remote:
                return  # another thread noticed first
            was_absent, self._remote, self._why = bool(self._why), None, str(error)
            self._retry_at = self._clock() + self._rest_s
            self._rest_s = min(self._absence.longest_rest_s, 2 * self._rest_s)
        logger.log(logging.INFO if was_absent else logging.WARNING, "Another model completes for now: %s", error)
        if not was_absent:
            self._notify(f"{error} Until then another model completes, on this machine.")
        if lost is not None:
            lost.close()

    def _pass_listener_to(self, model: CompletionModel | None) -> None:
        """Register the listener with the remote model, if that can notify it."""
        set_listener = getattr(model, "set_listener", None)
        if set_listener is not None:
            set_listener(self._notify)

    def _reconnect_if_due(self) -> None:
        """Start an attempt to connect again in the background, if the rest is over and no attempt is running."""
        with self._lock:
            if self._reconnecting or self._closed or self._clock() < self._retry_at:
                return
            self._reconnecting = True
        self._run_in_background(self._reconnect)

    def _reconnect(self) -> None:
        """Connect to the remote model and switch back to it; after a failure, begin a longer rest."""
        found: CompletionModel | None = None
        try:
            found = self._connect()
        except ModelError as error:
            self._note_absence(error)
        with self._lock:
            self._reconnecting = False
            closed = self._closed
            if found is not None and not closed:
                self._remote, self._rest_s, self._why = found, self._absence.first_rest_s, ""
        self._pass_listener_to(found)
        if found is not None and closed:
            found.close()
        elif found is not None:
            logger.warning("The model %s answers again.", found.entry.name)
