"""The completion model that runs in this process, on CTranslate2.

Turns requests into prompts (`models.fim`), decodes them one at a time with the newest first
(`models.local.newest_first_lock`), applies stop rules and cancellation at each token, and turns tokens into text. Never
loads anything itself (`models.local.loading`) and never shows a marker to the caller. Start at
`CTranslateModel.generate`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from models.completion import DecodingResult, Generation, Openings, RankedToken, Score, StopReason
from models.continuation import StopRules, compute_deadline
from models.errors import ModelError
from models.local.calibration import MovingSpeed
from models.local.engine import FAILURES
from models.local.greedy_decoding import Step, Token
from models.local.newest_first_lock import NewestFirstLock
from models.local.prompt_choice import PromptChooser
from models.local.text_decoding import TextDecoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import FillRequest
    from models.continuation import Continuation
    from models.fim import Prompt
    from models.local.calibration import Speed
    from models.local.engine import Engine
    from models.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# An alternative begins with a first token whose log-probability is at least this (e^-7 is one in a thousand).
LEAST_ALTERNATIVE = -7.0
# Longest wait for a running call, which ends at its next token: it may be reading a long prompt on a slow machine.
CLOSE_WAIT_S = 30.0

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class CTranslateModel:
    """A `models.completion.CompletionModel` on CTranslate2 in this process. Thread-safe.

    Attributes:
        problems: deviations from the configuration (no CUDA, for example), one sentence each.
        measuring_s: seconds of loading spent on measurements that are stored, so that the next load does without.
    """

    def __init__(
        self,
        entry: ModelEntry,
        tokenizer: Tokenizer,
        engine: Engine,
        problems: tuple[str, ...] = (),
        *,
        speed: Speed | None = None,
    ) -> None:
        self.problems = problems
        self.measuring_s = 0.0
        self._entry = entry
        self._tokenizer = tokenizer
        self._engine = engine
        self._prompts = PromptChooser(
            entry, tokenizer, engine.cached_heads, MovingSpeed(speed) if speed is not None else None
        )
        self._turns = NewestFirstLock()
        self._reading_ahead = threading.Lock()
        self._closing = False

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the model."""
        return self._entry

    @property
    def device(self) -> str:
        """Device that computes: "cpu" or "cuda"."""
        return self._engine.placement.device

    @property
    def compute_type(self) -> str:
        """Number format of the computation ("int8", "float16", ...)."""
        return self._engine.placement.compute_type

    @property
    def threads(self) -> int:
        """Number of threads on the CPU; 0 elsewhere."""
        return self._engine.placement.threads

    @property
    def speed(self) -> Speed | None:
        """Current estimate of the model's speed here; None if it was not measured."""
        return self._prompts.speed.now if self._prompts.speed is not None else None

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`."""
        return self._tokenizer.count(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request`; see `models.completion.CompletionModel.generate`.

        Afterwards the head of the longest prompt may be read in the background, for the next request.
        """
        self._require_open()
        if cancelled():
            return NOTHING
        deadline = compute_deadline(request.budget_ms)
        longest = self._prompts.lay_out_longest(request)
        with self._turns.take(self._make_cancel_check(cancelled)) as granted:
            if not granted:
                return NOTHING
            prompt, keep = self._prompts.choose(request, longest, deadline, alternatives)
            rules = StopRules(stop, self._make_cancel_check(cancelled), deadline if request.ends_late else math.inf)
            found = self._translate_errors(lambda: self._generate(prompt, rules, alternatives, keep=keep))
        self._read_ahead(request, longest)
        return found

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> DecodingResult | None:
        """Complete `request` token by token; see `models.completion.StreamingModel.stream`."""
        self._require_open()
        if cancelled():
            return None
        deadline = compute_deadline(request.budget_ms)
        longest = self._prompts.lay_out_longest(request)
        is_cancelled = self._make_cancel_check(cancelled)
        if openings.first is not None and not self._tokenizer.find_token(openings.first.number):
            raise ModelError(f"The model {self._entry.name} has no token {openings.first.number}.")
        with self._turns.take(is_cancelled) as granted:
            if not granted:
                return None
            prompt, keep = self._prompts.choose(request, longest, deadline, openings.most - 1)
            decoded = self._translate_errors(
                lambda: self._decode(
                    prompt,
                    lambda text, log_prob: is_cancelled() or on_token(text, log_prob),
                    openings,
                    keep=keep,
                )
            )
        self._read_ahead(request, longest)
        return None if is_cancelled() else decoded

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; see `models.completion.CompletionModel.score`.

        If the prompt leaves out a partial word (`Prompt.forced_start`), the tokens of that word are scored too, each
        relative to the tokens that could spell it, as in `generate`. A token that ends before the cursor has the end 0.
        """
        self._require_open()
        if cancelled() or not continuations:
            return ()
        prompt = self._prompts.lay_out_longest(request)
        with self._turns.take(self._make_cancel_check(cancelled)) as granted:
            if not granted:
                return ()
            return self._translate_errors(lambda: self._score(prompt, continuations, cancelled))

    def close(self) -> None:
        """Release the weights, once a running call has ended at its next token, or after `CLOSE_WAIT_S` seconds."""
        self._closing = True
        deadline = time.monotonic() + CLOSE_WAIT_S
        with self._turns.take(lambda: time.monotonic() > deadline):
            self._engine.close()

    def _make_cancel_check(self, cancelled: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that returns true once the caller has cancelled or `close` was called."""
        return lambda: self._closing or cancelled()

    def _require_open(self) -> None:
        """Raise ModelError if `close` was called."""
        if self._closing:
            raise ModelError(
                f"The model {self._entry.name} was unloaded; it loads again when a completion is asked for."
            )

    def _translate_errors(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`; raise CTranslate2's errors as ModelError."""
        try:
            return work()
        except FAILURES as error:
            raise ModelError(
                f"The model {self._entry.name} failed while computing ({error}); "
                "choose another model, or the device cpu, if it happens again."
            ) from error

    def _read_ahead(self, request: FillRequest, longest: Prompt) -> None:
        """Start a thread that reads and caches the head of `longest` for the next request.

        Do nothing if `request` has no time budget, if the head should not be cached, or if such a thread is running.
        """
        if not request.budget_ms or self._closing or not self._engine.cached_heads.should_cache(longest):
            return
        if self._reading_ahead.acquire(blocking=False):
            threading.Thread(target=self._read_head, args=(longest,), name="read-ahead", daemon=True).start()

    def _read_head(self, longest: Prompt) -> None:
        """Read and cache the head of `longest`, unless other requests wait; on the thread of `_read_ahead`."""
        try:
            with self._turns.take(lambda: self._closing or self._turns.waiting > 1) as granted:
                if granted:
                    self._translate_errors(lambda: self._engine.cache_head(longest))
        except ModelError as error:
            logger.info("prompt not read ahead", extra={"why": str(error)})
        finally:
            self._reading_ahead.release()

    def _generate(self, prompt: Prompt, rules: StopRules, alternatives: int, *, keep: bool) -> tuple[Generation, ...]:
        """Return the greedy continuation, then up to `alternatives` - 1 others with the next likeliest first tokens.

        Others are left out if they are improbable, repeat a text, or come after the deadline.
        """
        ranking: list[RankedToken] = []
        best = rules.start_continuation()
        ranked = alternatives + 1 if alternatives > 1 else 1
        openings = Openings(None, ranked, ranking.extend)
        found = [self._finish(best, self._decode(prompt, best.add, openings, keep=keep))]
        for first in ranking[1:]:
            if len(found) >= alternatives or first.log_prob < LEAST_ALTERNATIVE or time.monotonic() > rules.deadline:
                break
            if self._tokenizer.find_token(first.number) == self._entry.fim.end:
                continue
            other = rules.start_continuation()
            generation = self._finish(other, self._decode(prompt, other.add, Openings(first), keep=keep))
            if generation.stop in {StopReason.CANCELLED, StopReason.LATE}:
                break
            if all(generation.text != earlier.text for earlier in found):
                found.append(generation)
        return tuple(found)

    def _finish(self, continuation: Continuation, decoded: DecodingResult) -> Generation:
        """Return the finished `continuation` as a generation, with the figures of its decoding."""
        spent = decoded.end is StopReason.LENGTH
        return continuation.finish(decoded.prompt_tokens, decoded.reused_tokens, spent=spent)

    def _decode(
        self, prompt: Prompt, on_token: Callable[[str, float], bool], openings: Openings, *, keep: bool = True
    ) -> DecodingResult:
        """Decode greedily, after the token `openings.first` if it is given, and pass the text to `on_token`."""
        began = time.monotonic()
        decoding = TextDecoding(self._tokenizer, on_token, prompt.forced_start, openings.on_ranking)
        rest, reused, stopped, first = prompt, 0, False, openings.first
        if first is not None:
            step = Step(Token(first.number, self._tokenizer.find_token(first.number)), first.log_prob)
            stopped = decoding.take(step) or prompt.max_tokens <= 1
            rest = replace(prompt, tokens=(*prompt.tokens, step.token.text), max_tokens=max(1, prompt.max_tokens - 1))
        if not stopped:
            reused, _ = self._engine.decode(
                rest, decoding.take, ranked=openings.most, steering=decoding.steering, keep=keep
            )
            self._update_speed(decoding, began, len(rest.tokens) - reused)
        spent = len(decoding.numbers) >= prompt.max_tokens
        return DecodingResult(len(prompt.tokens), reused, StopReason.LENGTH if spent else StopReason.END)

    def _update_speed(self, decoding: TextDecoding, began: float, read: int) -> None:
        """Update the speed with the times of a decoding that began at `began` and read `read` tokens of its prompt.

        After a forced start the times are not used: a part of the prompt may have been read twice.
        """
        if self._prompts.speed is None or decoding.forced_start or not decoding.first_at:
            return
        written = len(decoding.numbers) - 1
        reading_s, writing_s = decoding.first_at - began, decoding.last_at - decoding.first_at
        self._prompts.speed.update(read=read, reading_s=reading_s, written=written, writing_s=writing_s)

    def _score(self, prompt: Prompt, continuations: Sequence[str], cancelled: Callable[[], bool]) -> tuple[Score, ...]:
        """Return the score of each continuation after `prompt`, as far as it fits the window; () if cancelled."""
        is_cancelled = self._make_cancel_check(cancelled)
        scores: list[Score] = []
        room = self._entry.context_tokens - len(prompt.tokens)
        for text in continuations:
            encoded = self._tokenizer.encode(prompt.forced_start + text if text else "")
            ends = tuple(max(0, end - len(prompt.forced_start)) for end in encoded.ends)
            tokens = [Token(self._tokenizer.find_id(token), token) for token in encoded.tokens[:room]]
            among = tuple(self._list_candidates(prompt.forced_start, encoded.tokens[:room]))
            keep = len(continuations) > 1
            log_probs = (
                self._engine.force_decode(prompt, tokens, is_cancelled, keep=keep, among=among) if tokens else ()
            )
            if is_cancelled():
                return ()
            scores.append(Score(text, log_probs, ends[: len(log_probs)]))
        return tuple(scores)

    def _list_candidates(self, forced_start: str, tokens: Sequence[str]) -> Iterator[Sequence[int]]:
        """Yield, for each of the `tokens` that spell `forced_start`, the ids of all tokens possible there."""
        left = forced_start.encode()
        for token in tokens:
            if not left:
                return
            yield self._tokenizer.find_first_tokens(left)
            left = left[len(self._tokenizer.join_bytes([token])) :]
