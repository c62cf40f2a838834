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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from models.completion import DecodingResult, Generation, Openings, RankedToken, Score, StopReason
from models.continuation import StopRules, compute_deadline
from models.errors import ModelError
from models.fim import lay_out
from models.local.calibration import MovingSpeed
from models.local.engine import FAILURES, Step, Token
from models.local.newest_first_lock import NewestFirstLock

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

# A first token less likely than this (e^-7 is one in a thousand) makes no alternative.
LEAST_ALTERNATIVE = -7.0
# A running call ends at its next token; this is for a very long prompt on a slow machine.
CLOSE_WAIT_S = 30.0

# A large model's prompt is never longer than what is read in so many seconds, in steps, so that it seldom changes;
# where the speed is not known, than the last figure.
LONGEST_READ_S = 4.0
# With 512 tokens the prompt holds every name of the line as often as a raw one with 860 does, with 256 half as often.
PROMPT_STEPS = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
USUAL_PROMPT = 1024
# What follows the cursor is read anew with each key, so it is what is read in so many seconds, and at least so much.
SUFFIX_S = 0.3
LEAST_SUFFIX = 48
# Of the budget of time so many tokens of an answer are kept free, but at most this share of it.
LINE_TOKENS = 10
MOST_FOR_WRITING = 0.6
# On less than this a model writes noise: the answer will be late, and the whole prompt makes the next one better.
LEAST_PROMPT = 384

NOTHING = (Generation("", (), StopReason.CANCELLED),)


class CTranslateModel:
    """A `models.completion.CompletionModel` on CTranslate2 in this process. Thread-safe.

    Attributes:
        problems: one sentence for each thing that went differently than configured (no CUDA, for one).
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
        self._speed = MovingSpeed(speed) if speed is not None else None
        self._entry = entry
        self._tokenizer = tokenizer
        self._engine = engine
        self._turns = NewestFirstLock()
        self._reading_ahead = threading.Lock()
        self._last_cut: tuple[FillRequest, Prompt] | None = None
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
        return self._speed.now if self._speed is not None else None

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
        """Complete `request`; see `models.completion.CompletionModel.generate`."""
        self._refuse_closed()
        if cancelled():
            return NOTHING
        deadline = compute_deadline(request.budget_ms)
        whole = self._lay_out(request)
        with self._turns.take(self._with_closing(cancelled)) as granted:
            if not granted:
                return NOTHING
            prompt, keep = self._choose_prompt(request, whole, deadline, alternatives)
            rules = StopRules(stop, self._with_closing(cancelled), deadline if request.ends_late else math.inf)
            found = self._translate_errors(lambda: self._generate(prompt, rules, alternatives, keep=keep))
        self._read_ahead(request, whole)
        return found

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> DecodingResult | None:
        """Tell each token as it comes; see `models.completion.StreamingModel.stream`."""
        self._refuse_closed()
        if cancelled():
            return None
        deadline = compute_deadline(request.budget_ms)
        whole = self._lay_out(request)
        is_cancelled = self._with_closing(cancelled)
        if openings.first is not None and not self._tokenizer.find_token(openings.first.number):
            raise ModelError(f"The model {self._entry.name} has no token {openings.first.number}.")
        with self._turns.take(is_cancelled) as granted:
            if not granted:
                return None
            prompt, keep = self._choose_prompt(request, whole, deadline, openings.most - 1)
            decoded = self._translate_errors(
                lambda: self._decode(
                    prompt,
                    lambda text, log_prob: is_cancelled() or on_token(text, log_prob),
                    openings,
                    keep=keep,
                )
            )
        self._read_ahead(request, whole)
        return None if is_cancelled() else decoded

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations`; see `models.completion.CompletionModel.score`.

        After a partial word (`Prompt.forced_start`), its tokens are scored first, each among the tokens that could
        spell it, as in `generate`. A token that ends before the cursor has the end 0.
        """
        self._refuse_closed()
        if cancelled() or not continuations:
            return ()
        prompt = self._lay_out(request)
        with self._turns.take(self._with_closing(cancelled)) as granted:
            if not granted:
                return ()
            return self._translate_errors(lambda: self._score(prompt, continuations, cancelled))

    def close(self) -> None:
        """Release the weights; a running call ends at its next token."""
        self._closing = True
        deadline = time.monotonic() + CLOSE_WAIT_S
        with self._turns.take(lambda: time.monotonic() > deadline):
            self._engine.close()

    def _with_closing(self, cancelled: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that returns true once the caller cancelled or the model is closing."""
        return lambda: self._closing or cancelled()

    def _refuse_closed(self) -> None:
        """Raise ModelError if the model was closed."""
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

    def _lay_out(self, request: FillRequest) -> Prompt:
        """Return the longest prompt of `request` that this model ever reads."""
        if not self._entry.large:
            return lay_out(request, self._entry, self._tokenizer)
        most = USUAL_PROMPT
        if self._speed is not None:
            readable = min(LONGEST_READ_S * self._speed.steady.prompt_tokens_per_s, self._engine.most_kept / 2)
            most = max((step for step in PROMPT_STEPS if step <= readable), default=PROMPT_STEPS[0])
        return lay_out(request, self._entry, self._tokenizer, most, self._limit_suffix())

    def _limit_suffix(self) -> int:
        """Return how many tokens after the cursor can be read with each key; 0 if the speed is unknown."""
        if self._speed is None:
            return 0
        return max(LEAST_SUFFIX, int(SUFFIX_S * self._speed.steady.prompt_tokens_per_s))

    def _fit_time(self, request: FillRequest, whole: Prompt, deadline: float) -> tuple[Prompt, bool]:
        """Return the prompt that can be read before `deadline`, and whether to keep its head.

        That is `whole` if its unread part can be read in time, else a shorter prompt. Keeping takes reading the whole
        head, so if there is no time, it is done after the answer (`_read_ahead`).
        """
        if self._speed is None or math.isinf(deadline):
            return whole, True
        speed, left_s = self._speed.now, deadline - time.monotonic()
        writing_s = min(LINE_TOKENS / speed.new_tokens_per_s, MOST_FOR_WRITING * left_s)
        readable = int((left_s - writing_s) * speed.prompt_tokens_per_s)
        unread = len(whole.tokens) - self._engine.count_kept(whole.tokens)
        if len(whole.tokens) <= readable:
            return whole, unread > len(
                whole.tokens
            ) / 2  # where more is kept that is used, and all read behind the answer
        asked, last = replace(request, budget_ms=0.0), self._last_cut
        if last is not None and last[0] == asked and self._engine.count_kept(last[1].tokens) >= len(last[1].tokens) - 1:
            return last[1], False  # an alternative: it was read already
        if unread <= readable or readable < LEAST_PROMPT:
            return whole, unread > readable  # it will be late: then it may as well be kept
        prompt = lay_out(request, self._entry, self._tokenizer, readable, self._limit_suffix())
        self._last_cut = asked, prompt
        return prompt, False

    def _choose_prompt(self, request: FillRequest, whole: Prompt, deadline: float, answers: int) -> tuple[Prompt, bool]:
        """Return the prompt for so many answers, and whether to keep its head.

        All but one token is settled if several answers then cost less. If another head would not fit, the weights have
        to be loaded again for it, which takes seconds: a request with a deadline does without, and the head is read
        after the answer. After a partial word the head may have to be read twice, which takes longer still.
        """
        prompt, keep = self._fit_time(request, whole, deadline)
        before = len(prompt.tokens) - 1
        if self._entry.large and answers * (before - self._engine.count_kept(prompt.tokens)) > before:
            return replace(prompt, settled=before), True
        late = request.budget_ms and not prompt.forced_start and not self._engine.has_room(prompt)
        return prompt, keep and not late

    def _read_ahead(self, request: FillRequest, whole: Prompt) -> None:
        """Read and keep the head of `whole` for the next request, on another thread, if `request` had a deadline."""
        if not request.budget_ms or self._closing or not self._engine.should_keep(whole):
            return
        if self._reading_ahead.acquire(blocking=False):
            threading.Thread(target=self._read_head, args=(whole,), name="read-ahead", daemon=True).start()

    def _read_head(self, whole: Prompt) -> None:
        """Read and keep the head of `whole`, unless other requests wait."""
        try:
            with self._turns.take(lambda: self._closing or self._turns.waiting > 1) as granted:
                if granted:
                    self._translate_errors(lambda: self._engine.keep(whole))
        except ModelError as error:
            logger.info("prompt not read ahead", extra={"why": str(error)})
        finally:
            self._reading_ahead.release()

    def _generate(self, prompt: Prompt, rules: StopRules, alternatives: int, *, keep: bool) -> tuple[Generation, ...]:
        """Return the greedy continuation and at most `alternatives` - 1 others with the next likeliest first tokens."""
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
        """Return the generation of a decoded continuation."""
        spent = decoded.end is StopReason.LENGTH
        return continuation.finish(decoded.prompt_tokens, decoded.reused_tokens, spent=spent)

    def _decode(
        self, prompt: Prompt, on_token: Callable[[str, float], bool], openings: Openings, *, keep: bool = True
    ) -> DecodingResult:
        """Decode greedily, or after the first token that `openings` names."""
        began = time.monotonic()
        decoding = _Decoding(self._tokenizer, on_token, prompt.forced_start, openings.tell)
        rest, reused, stopped, first = prompt, 0, False, openings.first
        if first is not None:
            step = Step(Token(first.number, self._tokenizer.find_token(first.number)), first.log_prob)
            stopped = decoding.take(step) or prompt.max_tokens <= 1
            rest = replace(prompt, tokens=(*prompt.tokens, step.token.text), max_tokens=max(1, prompt.max_tokens - 1))
        if not stopped:
            reused, _ = self._engine.decode(
                rest, decoding.take, first=openings.most, steering=decoding.steering, keep=keep
            )
            self._note_speed(decoding, began, len(rest.tokens) - reused)
        spent = len(decoding.numbers) >= prompt.max_tokens
        return DecodingResult(len(prompt.tokens), reused, StopReason.LENGTH if spent else StopReason.END)

    def _note_speed(self, decoding: _Decoding, began: float, read: int) -> None:
        """Update the speed with a request's times, unless it was steered: then some of it was read twice."""
        if self._speed is None or decoding.forced_start or not decoding.first_at:
            return
        written = len(decoding.numbers) - 1
        reading_s, writing_s = decoding.first_at - began, decoding.last_at - decoding.first_at
        self._speed.note(read=read, reading_s=reading_s, written=written, writing_s=writing_s)

    def _score(self, prompt: Prompt, continuations: Sequence[str], cancelled: Callable[[], bool]) -> tuple[Score, ...]:
        """Score each continuation after `prompt`; return () if cancelled."""
        is_cancelled = self._with_closing(cancelled)
        scores: list[Score] = []
        room = self._entry.context_tokens - len(prompt.tokens)
        for text in continuations:
            encoded = self._tokenizer.encode(prompt.forced_start + text if text else "")
            ends = tuple(max(0, end - len(prompt.forced_start)) for end in encoded.ends)
            tokens = [Token(self._tokenizer.find_id(token), token) for token in encoded.tokens[:room]]
            among = tuple(self._list_choices(prompt.forced_start, encoded.tokens[:room]))
            keep = len(continuations) > 1
            log_probs = (
                self._engine.force_decode(prompt, tokens, is_cancelled, keep=keep, among=among) if tokens else ()
            )
            if is_cancelled():
                return ()
            scores.append(Score(text, log_probs, ends[: len(log_probs)]))
        return tuple(scores)

    def _list_choices(self, again: str, tokens: Sequence[str]) -> Iterator[Sequence[int]]:
        """Yield, for each of the first `tokens`, the ids among which it was chosen because they spell `again`."""
        left = again.encode()
        for token in tokens:
            if not left:
                return
            yield self._tokenizer.find_compatible(left)
            left = left[len(self._tokenizer.join_bytes([token])) :]


@dataclass(slots=True)
class _Decoding:
    """Tokens of one decoding, turned into text as they arrive; restricts the first ones to spell `forced_start`."""

    tokenizer: Tokenizer
    on_token: Callable[[str, float], bool]
    forced_start: str  # what the tokens say first, from before the cursor
    tell: Callable[[Sequence[RankedToken]], object]  # told the likeliest first tokens, where these were asked for
    numbers: list[int] = field(default_factory=list)
    first_at: float = 0.0  # when the first token came, by the monotonic clock
    last_at: float = 0.0

    @property
    def steering(self) -> _Decoding | None:
        """This object if the answer has a forced start; None otherwise."""
        return self if self.forced_start else None

    def list_allowed(self) -> Sequence[int] | None:
        """Return the ids of tokens that continue the forced start; None once it is complete."""
        said = self.tokenizer.join_bytes([self.tokenizer.find_token(number) for number in self.numbers])
        left = self.forced_start.encode()[len(said) :]
        return self.tokenizer.find_compatible(left) if left else None

    def spell(self, number: int) -> str:
        """Return the token with the id `number`."""
        return self.tokenizer.find_token(number)

    def take(self, step: Step) -> bool:
        """Add a token; return whether to stop."""
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        if step.ranking and not self.numbers:
            self.tell([RankedToken(*one) for one in step.ranking])
        self.numbers.append(step.token.number)
        return self.on_token(self.tokenizer.decode(self.numbers)[len(self.forced_start) :], step.log_prob)
