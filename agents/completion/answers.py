"""Completion answers: the best candidates become suggestions, which get an identity and are cached for reuse.

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

# A large model stops at the first token after its time is over, so the wait for it is a little longer than that time.
_GRACE = 1.15

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A completion request with the policy and the models that were set when it arrived.

    Attributes:
        cursor: the cursor to complete at.
        trigger: whether a person asked for suggestions or the editor did while they typed.
        cancelled: returns true once the request is cancelled.
        limit: the most suggestions to return to a person who asks.
        policy: the settings of completion.
        model: the model to ask; None to use recall alone.
        began: arrival of the request, in seconds of the monotonic clock.
        quick: a small model to ask beside a large `model`; None for none.
        expects_large: whether the generator's model is large; also true while that model is loading and `model` is
            the small one.
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
        """Milliseconds left of a large model's time, at least 1; 0, for no limit, with a small model or none."""
        if self.model is None or not self.model.entry.large:
            return 0.0
        asked = self.trigger is Trigger.INVOKED
        whole_ms = self.policy.asking_ms if asked else self.policy.typing_ms
        return max(1.0, whole_ms - (time.monotonic() - self.began) * 1000)

    @property
    def deadline(self) -> float:
        """Moment, in seconds of the monotonic clock, until which the request waits for the model."""
        automatic = self.trigger is Trigger.AUTOMATIC
        if self.model is not None and self.model.entry.large:
            wait_ms = (self.policy.typing_ms if automatic else self.policy.asking_ms) * _GRACE
        else:
            wait_ms = self.policy.automatic_wait_ms if automatic else self.policy.invoked_wait_ms
        return self.began + wait_ms / 1000


class Answers:
    """Turns candidates into answers, for one generator. Thread-safe.

    Attributes:
        cache: recent suggestions, for reuse while a person types them.
        recorder: counts of answers and of accepted and rejected suggestions.
    """

    def __init__(self) -> None:
        self.cache = SuggestionCache()
        self.recorder = Recorder()
        self._identities = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))
        self._reported = ""

    def choose(  # noqa: PLR0913 - what an answer consists of
        self,
        request: Request,
        polisher: Polisher,
        candidates: Sequence[Candidate],
        *,
        why: str = "",
        model_ms: float = 0.0,
        shown: bool = True,
    ) -> Completion:
        """Return the best candidates as suggestions and put those into the reuse cache; a reason if there are none.

        Args:
            request: the request to answer.
            polisher: the polisher of the candidates' place.
            candidates: the candidates, in any order.
            why: the reason to give for an empty answer; "" for the reason that the choice gives.
            model_ms: the answer's time in the model, milliseconds.
            shown: whether the person sees the suggestions now, at the cursor that they were made for.
        """
        cursor, policy = polisher.cursor, request.policy
        document = cursor.document
        shift = self.recorder.compute_threshold_shift() if policy.adaptive else 0.0
        choice = Choice(
            request.trigger,
            policy.threshold + shift,
            request.limit,
            lambda text: self.cache.is_rejected(document.uri, cursor.offset, text),
            polisher.breaks_syntax,
            polisher.find_repetition,
            polisher.has_unknown_name,
            polisher.is_strict,
            NOISE if request.expects_large else 0.0,
        )
        best, reason = choose(candidates, choice)
        if not best:
            return Completion((), why or reason, model_ms=model_ms)
        suggestions = tuple(build_suggestion(one, cursor, next(self._identities)) for one in best)
        for one in reversed(suggestions):  # the best last, because the cache returns the newest that fits
            self.cache.put(document, cursor.offset, one, shown=shown and one is suggestions[0])
        return Completion(suggestions, model_ms=model_ms)

    def report_failure(self, error: Exception) -> None:
        """Count a failed model run; log `error` too, unless the error logged last has the same message."""
        self.recorder.record_failure()
        if (said := str(error)) != self._reported:
            self._reported = said
            _LOG.warning("The completion model failed; suggestions come from the workspace alone.", exc_info=error)
