"""A completion model that says what it was told to: for demonstrations, tests and trying an editor without weights.

Takes its time per token, can be cancelled at each of them, and obeys stop rules, as a real one does. Start at
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

# Words with the space before them, single marks, line ends: near enough to what models use.
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
    """Implements `models.completion.CompletionModel`. Thread-safe.

    Attributes:
        requests: what was asked for and computed, in order.
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
        """Script a model.

        Args:
            replies: the middle by the end of the prefix (the longest end that fits wins; "" fits all), or a function.
            token_s: seconds each token takes.
            log_prob: of each token of a reply.
            alternatives: further middles by the end of the prefix.
            entry: what it says it is.
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
        """What it says it is."""
        return self._entry

    def count_tokens(self, text: str) -> int:
        """Number of words and marks."""
        return len(TOKEN.findall(text))

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Say the scripted middle; see `models.completion.CompletionModel.generate`."""
        with self._turns.take(self._with_closing(cancelled)) as granted:
            self._refuse_closed()
            if not granted:
                return NOTHING
            self.requests.append(request)
            replies = (self._choose_reply(request), *_choose_by_ending(self._alternatives, request.prefix, ()))
            return tuple(self._say(reply, request, stop, cancelled) for reply in replies[:alternatives])

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> DecodingResult | None:
        """Tell the scripted middle; see `models.completion.StreamingModel.stream`."""
        with self._turns.take(self._with_closing(cancelled)) as granted:
            self._refuse_closed()
            if not granted:
                return None
            self.requests.append(request)
            replies = (self._choose_reply(request), *_choose_by_ending(self._alternatives, request.prefix, ()))
            if openings.most > 1:
                openings.tell([RankedToken(place, self._log_prob) for place in range(min(openings.most, len(replies)))])
            first = openings.first
            text, said = "", 0
            for token in TOKEN.findall(replies[first.number if first is not None else 0])[: request.max_tokens]:
                if not self._spend(1, cancelled):
                    return None
                text, said = text + token, said + 1
                if on_token(text, self._log_prob):
                    break
            spent = said >= request.max_tokens
            return DecodingResult(self.count_tokens(request.prefix), 0, StopReason.LENGTH if spent else StopReason.END)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Judge by agreement with the script; see `models.completion.CompletionModel.score`."""
        with self._turns.take(self._with_closing(cancelled)) as granted:
            self._refuse_closed()
            if not granted:
                return ()
            self.requests.append(request)
            reply = self._choose_reply(request)
            scores = []
            for text in continuations:
                if not self._spend(1, cancelled):
                    return ()
                ends = [match.end() for match in TOKEN.finditer(text)]
                log_probs = [self._log_prob if reply.startswith(text[:end]) else UNLIKELY_LOG_PROB for end in ends]
                scores.append(Score(text, tuple(log_probs), tuple(ends)))
            return tuple(scores)

    def close(self) -> None:
        """End what runs at its next token."""
        self._closed.set()

    def _with_closing(self, cancelled: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: self._closed.is_set() or cancelled()

    def _refuse_closed(self) -> None:
        if self._closed.is_set():
            raise ModelError(f"The model {self._entry.name} was unloaded; choose a model again.")

    def _choose_reply(self, request: FillRequest) -> str:
        if callable(self._replies):
            return self._replies(request)
        return _choose_by_ending(self._replies, request.prefix, "")

    def _spend(self, tokens: int, cancelled: Callable[[], bool]) -> bool:
        """Take the time of so many tokens; false when given up."""
        end = time.monotonic() + tokens * self._token_s
        while not self._with_closing(cancelled)():
            if (left := end - time.monotonic()) <= 0:
                return True
            self._closed.wait(min(left, 0.005))
        return False

    def _say(
        self, reply: str, request: FillRequest, stop: Callable[[str], int | None], cancelled: Callable[[], bool]
    ) -> Generation:
        tokens = TOKEN.findall(reply)
        text, reason, said = "", StopReason.END, 0
        deadline = compute_deadline(request.budget_ms) if request.ends_late else math.inf
        for token in tokens:
            if said >= request.max_tokens:
                reason = StopReason.LENGTH
                break
            if not self._spend(1, cancelled):
                reason = StopReason.CANCELLED
                break
            text, said = text + token, said + 1
            if (kept := stop(text)) is not None:
                text, reason = text[: max(0, kept)], StopReason.STOPPED
                break
            if time.monotonic() > deadline:
                text, reason = drop_partial_line(text), StopReason.LATE
                break
        return Generation(text, (self._log_prob,) * len(TOKEN.findall(text)), reason, self.count_tokens(request.prefix))


def _choose_by_ending(replies: Mapping[str, Reply], prefix: str, otherwise: Reply) -> Reply:
    """The reply whose key is the longest end of `prefix`."""
    fitting = [key for key in replies if prefix.endswith(key)]
    return replies[max(fitting, key=len)] if fitting else otherwise
