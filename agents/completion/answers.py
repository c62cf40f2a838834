"""From candidates to an answer: what is chosen gets an identity, is kept for reuse, and is recorded.

Never asks a model or the index. Start at `Answers.choose`.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion.candidates import NOISE, Choice, build_suggestion, choose
from agents.completion.reuse import SuggestionCache
from agents.completion.statistics import Recorder
from agents.suggestions import Completion, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.completion.candidates import Candidate
    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.cursor import Cursor
    from agents.completion.polish import Polisher
    from models.completion import CompletionModel

# A model that ends in time ends with a token.
_GRACE = 1.15

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One request on its way.

    Attributes:
        cursor: the place.
        trigger: what made the editor ask.
        cancelled: true once nobody wants the answer.
        limit: most suggestions for a person who asks.
        policy: as it was when the request came; `model` likewise.
        model: None for none.
        quick: a small model that answers while a large one is loading or too slow; None for none.
        expects_large: whether a large model is chosen, be it loaded or not.
        began: when it came, seconds of the monotonic clock.
    """

    cursor: Cursor
    trigger: Trigger
    cancelled: Callable[[], bool]
    limit: int
    policy: CompletionPolicy
    model: CompletionModel | None
    began: float
    quick: CompletionModel | None = None
    expects_large: bool = False

    @property
    def budget_ms(self) -> float:
        """Milliseconds that are left of a large model's time; 0 for a small model, which needs no budget."""
        if self.model is None or not self.model.entry.large:
            return 0.0
        asked = self.trigger is Trigger.INVOKED
        whole_ms = self.policy.asking_ms if asked else self.policy.typing_ms
        return max(1.0, whole_ms - (time.monotonic() - self.began) * 1000)

    @property
    def deadline(self) -> float:
        """Moment of the monotonic clock until which the request waits for the model."""
        automatic = self.trigger is Trigger.AUTOMATIC
        if self.model is not None and self.model.entry.large:
            wait_ms = (self.policy.typing_ms if automatic else self.policy.asking_ms) * _GRACE
        else:
            wait_ms = self.policy.automatic_wait_ms if automatic else self.policy.invoked_wait_ms
        return self.began + wait_ms / 1000


class Answers:
    """The answers of one generator: its cache and its record. Thread-safe.

    Attributes:
        cache: suggestions made lately.
        recorder: what became of them.
    """

    def __init__(self) -> None:
        self.cache = SuggestionCache()
        self.recorder = Recorder()
        self._identities = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))
        self._reported = ""

    def choose(
        self,
        request: Request,
        polisher: Polisher,
        candidates: Sequence[Candidate],
        *,
        why: str = "",
        model_ms: float = 0.0,
    ) -> Completion:
        """Choose suggestions, put them into the reuse cache and return them; `why` is the reason if none is left."""
        cursor, policy = polisher.cursor, request.policy
        document = cursor.document
        shift = self.recorder.compute_threshold_shift() if policy.adaptive else 0.0
        choice = Choice(
            request.trigger,
            policy.threshold + shift,
            request.limit,
            lambda text: self.cache.is_rejected(document.uri, cursor.offset, text),
            polisher.breaks_syntax,
            polisher.is_strict,
            NOISE if request.expects_large else 0.0,
        )
        best, reason = choose(candidates, choice)
        if not best:
            return Completion((), why or reason, model_ms=model_ms)
        suggestions = tuple(build_suggestion(one, cursor, next(self._identities)) for one in best)
        for one in reversed(suggestions):  # the best last: the newest that fits is found first
            self.cache.put(document, cursor.offset, one)
        return Completion(suggestions, model_ms=model_ms)

    def report_failure(self, error: Exception) -> None:
        """Count a failure of the model, and log it unless it is the same as last time: one line, not one a key."""
        self.recorder.record_failure()
        if (said := str(error)) != self._reported:
            self._reported = said
            _LOG.warning("The completion model failed; suggestions come from the workspace alone.", exc_info=error)
