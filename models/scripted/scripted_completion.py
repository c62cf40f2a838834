"""A completion model with scripted answers, for demonstrations, tests and trying an editor without weights.

Takes time for each token, can be cancelled at each token, and applies stop rules, as a real model does. Start at
`ScriptedModel`.
"""

from __future__ import annotations

import math
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from models.catalog.catalog import FimTokens, ModelEntry
from models.completion import DecodingResult, Generation, RankedToken, Score, StopReason
from models.continuation import compute_deadline, drop_partial_line
from models.errors import ModelError
from models.local.newest_first_lock import NewestFirstLock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.completion import FillRequest, Openings

# Words and punctuation marks with the spaces before them, and line ends: much like the tokens of real models.
TOKEN = re.compile(r"\n[ \t]*|[ \t]*(?:\w{1,8}|[^\w\s])|\s", re.DOTALL)
UNLIKELY_LOG_PROB = -5.0

Reply = TypeVar("Reply")

ENTRY = ModelEntry(
    name="scripted",
    architecture="scripted",
    parameters=0,
    context_tokens=8192,
    quantization="",
    licence="Apache-2.0",
    source="written by hand",
    roles=("completion",),
    fim=FimTokens(prefix="<fim_prefix>", suffix="<fim_suffix>", middle="<fim_middle>", end="<|endoftext|>"),
    folder=Path(),
    weights=Path(),
)

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class ScriptedModel:
    """A `models.completion.CompletionModel` with scripted answers. Thread-safe.

    Attributes:
        requests: all computed requests, in order.
    """

    def __init__(
        self,
        replies: Mapping[str, str] | Callable[[FillRequest], str],
        *,
        token_s: float = 0.0,
        log_prob: float = -0.1,
        alternatives: Mapping[str, tuple[str, ...]] | None = None,
        entry: ModelEntry = ENTRY,
    ) -> None:
        """Create a model with a script.

        Args:
            replies: the middle to return, by the end of the prefix (the longest matching key is used; "" matches any
                prefix), or a function that returns it.
            token_s: seconds for each token.
            log_prob: log-probability of each token of a reply.
            alternatives: further middles, by the end of the prefix.
            entry: its catalog entry.
        """
        self.requests: list[FillRequest] = []
        self._replies = replies
        self._token_s = token_s
        self._log_prob = log_prob
        self._alternatives = alternatives or {}
        self._entry = entry
        self._turns = NewestFirstLock()
        self._closed = threading.Event()

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the model, as given to the constructor."""
        return self._entry

    def count_tokens(self, text: str) -> int:
        """Return the number of words and punctuation marks in `text`."""
        return len(TOKEN.findall(text))

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Return the scripted middle and its alternatives; see `models.completion.CompletionModel.generate`."""
        with self._turns.take(self._make_cancel_check(cancelled)) as granted:
            self._require_open()
            if not granted:
                return NOTHING
            self.requests.append(request)
            replies = (self._choose_reply(request), *_choose_by_ending(self._alternatives, request.prefix, ()))
            return tuple(self._complete(reply, request, stop, cancelled) for reply in replies[:alternatives])

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> DecodingResult | None:
        """Pass the scripted middle to `on_token`, token by token; see `models.completion.StreamingModel.stream`.

        `openings.first` chooses one of the alternatives instead.
        """
        with self._turns.take(self._make_cancel_check(cancelled)) as granted:
            self._require_open()
            if not granted:
                return None
            self.requests.append(request)
            replies = (self._choose_reply(request), *_choose_by_ending(self._alternatives, request.prefix, ()))
            if openings.most > 1:
                openings.on_ranking(
                    [RankedToken(place, self._log_prob) for place in range(min(openings.most, len(replies)))]
                )
            first = openings.first
            text, said = "", 0
            for token in TOKEN.findall(replies[first.number if first is not None else 0])[: request.max_tokens]:
                if not self._wait_for_token(cancelled):
                    return None
                text, said = text + token, said + 1
                if on_token(text, self._log_prob):
                    break
            spent = said >= request.max_tokens
            return DecodingResult(self.count_tokens(request.prefix), 0, StopReason.LENGTH if spent else StopReason.END)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; see `models.completion.CompletionModel.score`.

        Tokens that agree with the scripted middle are likely, all others are not.
        """
        with self._turns.take(self._make_cancel_check(cancelled)) as granted:
            self._require_open()
            if not granted:
                return ()
            self.requests.append(request)
            reply = self._choose_reply(request)
            scores = []
            for text in continuations:
                if not self._wait_for_token(cancelled):
                    return ()
                ends = [match.end() for match in TOKEN.finditer(text)]
                log_probs = [self._log_prob if reply.startswith(text[:end]) else UNLIKELY_LOG_PROB for end in ends]
                scores.append(Score(text, tuple(log_probs), tuple(ends)))
            return tuple(scores)

    def close(self) -> None:
        """End running calls at their next token; later calls raise ModelError."""
        self._closed.set()

    def _make_cancel_check(self, cancelled: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that returns true once the caller cancelled or the model is closed."""
        return lambda: self._closed.is_set() or cancelled()

    def _require_open(self) -> None:
        """Raise ModelError if `close` was called."""
        if self._closed.is_set():
            raise ModelError(f"The model {self._entry.name} was unloaded; choose a model again.")

    def _choose_reply(self, request: FillRequest) -> str:
        """Return the scripted middle for `request`; "" if there is none."""
        if callable(self._replies):
            return self._replies(request)
        return _choose_by_ending(self._replies, request.prefix, "")

    def _wait_for_token(self, cancelled: Callable[[], bool]) -> bool:
        """Wait for the time of one token; return False if cancelled meanwhile."""
        end = time.monotonic() + self._token_s
        while not self._make_cancel_check(cancelled)():
            if (left := end - time.monotonic()) <= 0:
                return True
            self._closed.wait(min(left, 0.005))
        return False

    def _complete(
        self, reply: str, request: FillRequest, stop: Callable[[str], int | None], cancelled: Callable[[], bool]
    ) -> Generation:
        """Return the generation of `reply`, with its delays, cut by the request's bounds and stop rule."""
        tokens = TOKEN.findall(reply)
        text, reason, said = "", StopReason.END, 0
        deadline = compute_deadline(request.budget_ms) if request.ends_late else math.inf
        for token in tokens:
            if said >= request.max_tokens:
                reason = StopReason.LENGTH
                break
            if not self._wait_for_token(cancelled):
                reason = StopReason.CANCELLED
                break
            text, said = text + token, said + 1
            if (kept := stop(text)) is not None:
                text, reason = text[: max(0, kept)], StopReason.STOPPED
                break
            if time.monotonic() > deadline:
                text, reason = drop_partial_line(text), StopReason.LATE
                break
        ends = tuple(found.end() for found in TOKEN.finditer(text))
        read = self.count_tokens(request.prefix)
        return Generation(text, (self._log_prob,) * len(ends), reason, read, token_ends=ends)


def _choose_by_ending(replies: Mapping[str, Reply], prefix: str, otherwise: Reply) -> Reply:
    """Return the reply under the longest key with which `prefix` ends; `otherwise` if there is none."""
    fitting = [key for key in replies if prefix.endswith(key)]
    return replies[max(fitting, key=len)] if fitting else otherwise
