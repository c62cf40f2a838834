"""A completion model elsewhere, and one on this machine that completes while that does not answer.

Whoever types never waits for a server that is away: it is looked for again in a thread of its own, after a rest that
grows. Start at `StandbyModel`.
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

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Absence:
    """When the model elsewhere is away, and what then.

    Attributes:
        first_rest_s: how long it is left alone before it is looked for again; each further rest takes twice as long.
        longest_rest_s: at most.
        at_first: the errors of the first connection that mean it; a caller gets all others.
        later: the same of requests.
    """

    first_rest_s: float = REST_S
    longest_rest_s: float = LONGEST_REST_S
    at_first: type[ModelError] = ModelError
    later: type[ModelError] = ModelError


ANY_ABSENCE = Absence()


class StandbyModel:
    """Implements `models.completion.CompletionModel`. Thread-safe."""

    def __init__(
        self,
        connect: Callable[[], CompletionModel],
        load: Callable[[], CompletionModel],
        *,
        clock: Callable[[], float] = time.monotonic,
        begin: Callable[[Callable[[], None]], object] = lambda work: threading.Thread(target=work, daemon=True).start(),
        absence: Absence = ANY_ABSENCE,
    ) -> None:
        """Connect; where that fails, load the one that stands by.

        Args:
            connect: reaches the model elsewhere; raises ModelError.
            load: loads the one on this machine; raises ModelError.
            clock: in seconds.
            begin: has work done in the background.
            absence: when the model elsewhere is away, and how long it is left alone then.

        Raises:
            ModelError: there is neither, or `connect` failed in another way.
        """
        self._connect = connect
        self._load = load
        self._clock = clock
        self._begin = begin
        self._lock = threading.Lock()
        self._away: CompletionModel | None = None
        self._here: CompletionModel | None = None
        self._why = ""  # the one elsewhere does not answer
        self._absence = absence
        self._rest_s = absence.first_rest_s
        self._again_at = 0.0
        self._looking = False
        self._closed = False
        self._told: Callable[[str], None] = lambda _: None
        try:
            self._away = connect()
        except absence.at_first as error:
            self._gone(error)
            try:
                self._standing_by()
            except ModelError:
                raise error from None

    @property
    def entry(self) -> ModelEntry:
        """Of the model that completes now."""
        return self._now().entry

    @property
    def problems(self) -> tuple[str, ...]:
        """Why another model completes than was wanted."""
        away = self._away
        if away is not None:
            return tuple(getattr(away, "problems", ()))
        if self._here is None:
            return ()
        return (f"{self._why} Until it answers {self._here.entry.name} completes, on this machine.",)

    @property
    def device(self) -> str:
        """Where the model computes that completes now, as far as is known."""
        return str(getattr(self._now(), "device", ""))

    @property
    def compute_type(self) -> str:
        """How it computes, "" where that is not known."""
        return str(getattr(self._now(), "compute_type", ""))

    @property
    def threads(self) -> int:
        """With how many threads, 0 where that is not known."""
        return int(getattr(self._now(), "threads", 0))

    @property
    def measuring_s(self) -> float | None:
        """Seconds of loading the model elsewhere that went into measuring; None where it was not loaded now."""
        return getattr(self._away, "measuring_s", None)

    def listen(self, told: Callable[[str], None]) -> None:
        """Have `told` hear from now on, once for each time, that the model elsewhere does not answer any more."""
        self._told = told
        self._hand_on(self._away)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of the model that completes now."""
        return self._now().count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        return self._asked(  # type: ignore[no-any-return]
            lambda model: model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        )

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Judge `continuations`; see `models.completion.CompletionModel.score`."""
        return self._asked(  # type: ignore[no-any-return]
            lambda model: model.score(request, continuations, cancelled=cancelled)
        )

    def close(self) -> None:
        """Let go of both. Safe twice."""
        with self._lock:
            self._closed = True
            models, self._away, self._here = (self._away, self._here), None, None
        for model in models:
            if model is not None:
                model.close()

    def _asked(self, call: Callable[[CompletionModel], Any]) -> Any:  # noqa: ANN401 (whatever the call gives)
        away = self._away
        if away is not None:
            try:
                return call(away)
            except self._absence.later as error:
                if self._closed:
                    raise
                self._gone(error, away)
        self._look_again()
        return call(self._standing_by())

    def _now(self) -> CompletionModel:
        return self._away or self._standing_by()

    def _standing_by(self) -> CompletionModel:
        """The model on this machine, loaded by who needs it first."""
        with self._lock:
            if self._closed:
                raise ModelError("The model was unloaded; choose a model again.")
            if self._here is None:
                self._here = self._load()
            return self._here

    def _gone(self, error: ModelError, lost: CompletionModel | None = None) -> None:
        with self._lock:
            if lost is not None and lost is not self._away:
                return  # somebody else noticed first
            again, self._away, self._why = bool(self._why), None, str(error)
            self._again_at = self._clock() + self._rest_s
            self._rest_s = min(self._absence.longest_rest_s, 2 * self._rest_s)
        logger.log(logging.INFO if again else logging.WARNING, "Another model completes for now: %s", error)
        if not again:
            self._told(f"{error} Until then another model completes, on this machine.")
        if lost is not None:
            lost.close()

    def _hand_on(self, model: CompletionModel | None) -> None:
        listen = getattr(model, "listen", None)  # of those that can tell why they do not answer for a moment
        if listen is not None:
            listen(self._told)

    def _look_again(self) -> None:
        """Look in the background whether it is back, once the rest is over."""
        with self._lock:
            if self._looking or self._closed or self._clock() < self._again_at:
                return
            self._looking = True
        self._begin(self._look)

    def _look(self) -> None:
        found: CompletionModel | None = None
        try:
            found = self._connect()
        except ModelError as error:
            self._gone(error)
        with self._lock:
            self._looking = False
            closed = self._closed
            if found is not None and not closed:
                self._away, self._rest_s, self._why = found, self._absence.first_rest_s, ""
        self._hand_on(found)
        if found is not None and closed:
            found.close()
        elif found is not None:
            logger.warning("The model %s answers again.", found.entry.name)
