"""The one module that touches CTranslate2: tokens in, tokens out, one call at a time.

Holds one `ctranslate2.Generator`, bounds the KV states it keeps, and releases it before the interpreter ends (a
generator that is alive then, after a call with a callback, aborts the process). Knows no text, no prompt layout and no
queue (`models.local.ctranslate_completion`). Not thread-safe: the caller serializes calls. Start at `Engine`.
"""

from __future__ import annotations

import atexit
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.local import allocator
from models.local.weights_file import WEIGHTS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.fim import Prompt

# Bounds of the KV states kept for reuse, in windows of the model and in bytes. CTranslate2 never frees one, so beyond a
# bound the generator is created anew. With two windows that takes 12 ms in one request of 27, and as much is reused as
# with ten windows: 84 % of the tokens of a prompt.
KEPT_WINDOWS = 2
KEPT_BYTES = 64_000_000
# Large weights may keep a share of their own size, up to a bound: their KV states are larger, and loading them again
# takes seconds.
KEPT_SHARE = 0.6
MOST_KEPT_BYTES = 1_000_000_000
# Weights of this size and more ask for memory by the hundred megabytes.
LARGE_BYTES = 100_000_000
# A shorter head is computed again rather than kept.
LEAST_KEPT_TOKENS = 64
# With a larger window than this, a kept head is used as it is if it lacks at most so many tokens, or at most this part:
# reading a whole head takes a second.
LONG_WINDOW = 1024
MOST_LACKING = 64
LACKING_PART = 8
# At interpreter exit a call in a daemon thread ends at its next token; not later than this.
EXIT_WAIT_S = 5.0


# Sampling chooses among so many likeliest tokens.
SAMPLED = 40

# What CTranslate2 raises when weights are damaged, memory or positions run out, or a library is missing.
FAILURES = (RuntimeError, ValueError, IndexError, MemoryError)


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its id and its string."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One decoded token with its log-probability.

    Attributes:
        token: which.
        log_prob: of it.
        ranking: ids and log-probabilities of the most likely first tokens, where these were asked for.
    """

    token: Token
    log_prob: float
    ranking: tuple[tuple[int, float], ...] = ()


class Steering(Protocol):
    """Choice of the next token, restricted; asked before each token, after `on_step` was called with the one before."""

    def list_allowed(self) -> Sequence[int] | None:
        """Return the ids to choose from; None for any."""
        ...

    def spell(self, number: int) -> str:
        """Return the token with the id `number`."""
        ...


@dataclass(frozen=True, slots=True)
class Placement:
    """Device, compute type and number of threads with which weights are computed."""

    device: str
    compute_type: str
    threads: int


class Engine:
    """A loaded network that decodes prompts."""

    def __init__(
        self,
        folder: Path,
        placement: Placement,
        *,
        kv_token_bytes: int,
        window_tokens: int,
        ends: Sequence[str],
    ) -> None:
        """Load the weights in `folder`.

        Args:
            folder: CTranslate2's files.
            placement: where and how to compute.
            kv_token_bytes: size of the KV state of one token.
            window_tokens: the longest prompt.
            ends: tokens that end an answer: the end token and all markers.

        Raises:
            RuntimeError, ValueError, IndexError, MemoryError: as CTranslate2 does (`FAILURES`).
        """
        self._folder = folder
        self.placement = placement
        self._kv_token_bytes = kv_token_bytes
        self._window_tokens = window_tokens
        self._ends = list(ends)
        self._kept_bytes = compute_kept_bytes(_measure_size(folder))
        self._long = window_tokens > LONG_WINDOW
        self._kept: set[tuple[str, ...]] = set()
        self._kept_tokens = 0
        self._closed = False
        self._busy = False
        self._generator: Any = _load(folder, placement)
        _alive.add(self)

    def close(self) -> None:
        """Release the weights; a call that runs in another thread ends at its next token."""
        self._closed = True
        self._drop()

    def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
        """Return the measured time of a request of that size, in seconds; no KV state is reused or kept."""
        begun = time.perf_counter()
        self._run(
            [self._ends[:1] * prompt_tokens],
            max_length=new_tokens,
            min_length=new_tokens,
            include_prompt_in_result=False,
            end_token=self._ends,
        )
        return time.perf_counter() - begun

    def is_released(self) -> bool:
        """Return whether nothing holds the weights any more."""
        return self._generator is None and not self._busy

    def decode(  # noqa: PLR0913 (all that decoding depends on)
        self,
        prompt: Prompt,
        on_step: Callable[[Step], bool],
        *,
        first: int = 1,
        to_the_last: bool = False,
        steering: Steering | None = None,
        keep: bool = True,
    ) -> tuple[int, tuple[tuple[int, float], ...]]:
        """Decode greedily until `on_step` returns true, an end token is chosen, or the budget is used up.

        Args:
            prompt: the prompt; the KV state of its settled part is kept.
            on_step: called with each token.
            first: how many of the likeliest first tokens to return.
            to_the_last: whether to use up the whole budget, past any end token (for measuring).
            steering: restricts the first tokens. The likeliest allowed token is taken, with its log-probability among
                the allowed ones. CTranslate2 itself chooses freely; where it chose another token, decoding restarts
                after the allowed one.
            keep: whether the settled part may be read again to keep its KV state; else the longest kept head is used.

        Returns:
            How many prompt tokens were not computed again, and the ids and log-probabilities of the likeliest first
            tokens if `first` > 1.
        """
        head, rest, reused = self._split(prompt.tokens, prompt.settled, keep=keep)
        ranking: tuple[tuple[int, float], ...] = ()
        chosen: list[str] = []
        elsewhere = stopped = False

        def callback(result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
            nonlocal ranking, elsewhere, stopped
            among = steering.list_allowed() if steering is not None else None
            if first > 1 and not ranking:
                ranking = _rank_tokens(result.logits, first, among)
            step = Step(Token(result.token_id, result.token), float(result.log_prob), ranking)
            if steering is not None and among is not None:
                if not among:
                    return True
                ((number, log_prob),) = _rank_tokens(result.logits, 1, among)
                elsewhere = number != result.token_id
                step = Step(Token(number, steering.spell(number)), log_prob, ranking)
                chosen.append(step.token.text)
            elif result.token in self._ends:
                return False
            stopped = self._closed or on_step(step)
            return stopped or elsewhere

        while True:
            elsewhere = False
            self._run(
                [[*rest, *chosen]],
                max_length=prompt.max_tokens - len(chosen),
                min_length=prompt.max_tokens - len(chosen) if to_the_last else 0,
                include_prompt_in_result=False,
                return_scores=True,
                return_logits_vocab=first > 1 or steering is not None,
                end_token=self._ends,
                callback=callback,
                **self._make_head_options(head),
            )
            if stopped or not elsewhere or len(chosen) >= prompt.max_tokens:
                return reused, ranking

    def sample(self, prompt: Prompt, on_step: Callable[[Step], bool], *, temperature: float) -> int:
        """Decode with sampling, or greedily at temperature 0, until `on_step` returns true, an end token or the budget.

        Returns:
            How many prompt tokens were not computed again.
        """
        head, rest, reused = self._split(prompt.tokens, prompt.settled)

        def callback(result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
            if result.token in self._ends:
                return False
            return self._closed or on_step(Step(Token(result.token_id, result.token), float(result.log_prob or 0.0)))

        self._run(
            [rest],
            max_length=prompt.max_tokens,
            include_prompt_in_result=False,
            end_token=self._ends,
            callback=callback,
            **self._make_head_options(head),
            **({"sampling_temperature": temperature, "sampling_topk": SAMPLED} if temperature else {}),
        )
        return reused

    def force_decode(
        self,
        prompt: Prompt,
        continuation: Sequence[Token],
        stop: Callable[[], bool],
        *,
        keep: bool = False,
        among: Sequence[Sequence[int]] = (),
    ) -> tuple[float, ...]:
        """Return the log-probabilities of `continuation` after `prompt`; fewer if `stop` returned true on the way.

        Decoding is forced along the tokens. Unlike CTranslate2's `score_batch`, whose last layer runs over the whole
        prompt, this can be stopped, and with `keep` the prompt is computed once for several continuations. `among`
        holds, for each of the first tokens, the ids that its probability is relative to.
        """
        log_probs: list[float] = []

        def callback(result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
            place = len(log_probs)
            ids = among[place] if place < len(among) else None
            log_probs.append(_compute_log_prob(result.logits, continuation[place].number, ids))
            return self._closed or stop()

        # The last prompt token starts the forced run, the ones before it are computed at once.
        before = len(prompt.tokens) - 1
        head = tuple(prompt.tokens[:before])
        kept = head in self._kept or (keep and LEAST_KEPT_TOKENS <= before <= self.most_kept)
        if kept:
            self._note(head)
        self._run(
            [[prompt.tokens[-1], *(token.text for token in continuation)]],
            static_prompt=list(prompt.tokens[:before]),
            cache_static_prompt=kept,
            max_length=len(continuation),
            include_prompt_in_result=True,
            return_scores=True,
            return_logits_vocab=True,
            callback=callback,
        )
        return tuple(log_probs)

    def count_kept(self, tokens: Sequence[str]) -> int:
        """Return how many tokens at the head of `tokens` have a kept KV state."""
        tokens = tuple(tokens)
        return max((len(head) for head in list(self._kept) if tokens[: len(head)] == head), default=0)

    def should_keep(self, prompt: Prompt) -> bool:
        """Return whether the kept heads lack so much of the prompt's settled part that reading it pays."""
        settled = min(prompt.settled, len(prompt.tokens) - 1)
        if settled < LEAST_KEPT_TOKENS or settled > self.most_kept:
            return False
        return self._lacks_much(settled, self.count_kept(prompt.tokens[: len(prompt.tokens) - 1]))

    def has_room(self, prompt: Prompt) -> bool:
        """Return whether the settled part fits beside the kept heads; else all of them have to be dropped."""
        return not self._kept or self._kept_tokens + prompt.settled <= self.most_kept

    def _lacks_much(self, settled: int, known: int) -> bool:
        """Return whether a settled part of `settled` tokens lacks too many if `known` of them are kept."""
        return settled - known > (max(MOST_LACKING, settled // LACKING_PART) if self._long else 0)

    def keep(self, prompt: Prompt) -> None:
        """Compute the KV state of the stable prefix of `prompt` and cache it, if `should_keep` says so."""
        if not self.should_keep(prompt):
            return
        head, _, _ = self._split(prompt.tokens, prompt.settled)
        self._run([prompt.tokens[len(head) : len(head) + 1]], static_prompt=head, max_length=1)

    def _split(self, tokens: Sequence[str], settled: int, *, keep: bool = True) -> tuple[list[str], list[str], int]:
        """Return the head and the rest of the prompt, and how many tokens of the head were kept already."""
        before = len(tokens) - 1
        known = self.count_kept(tokens[:before])
        settled = min(settled, before)
        if settled < LEAST_KEPT_TOKENS or settled > self.most_kept or not self._lacks_much(settled, known):
            return list(tokens[:known]), list(tokens[known:]), known
        if keep:
            self._note(tuple(tokens[:settled]))
        elif known:
            return list(tokens[:known]), list(tokens[known:]), known
        return list(tokens[:settled]), list(tokens[settled:]), 0

    def _make_head_options(self, head: list[str]) -> dict[str, Any]:
        """Return CTranslate2's options for a prompt that begins with `head`."""
        return {"static_prompt": head, "cache_static_prompt": tuple(head) in self._kept} if head else {}

    def _note(self, head: tuple[str, ...]) -> None:
        """Count `head` as kept; drop all other heads first if there is no room for it."""
        if head in self._kept:
            return
        if self._kept_tokens + len(head) > self.most_kept:
            self._drop()
        self._kept.add(head)
        self._kept_tokens += len(head)

    @property
    def most_kept(self) -> int:
        """Most tokens whose KV states are kept."""
        return min(KEPT_WINDOWS * self._window_tokens, self._kept_bytes // max(1, self._kv_token_bytes))

    def _run(self, starts: Sequence[Sequence[str]], **options: Any) -> None:  # noqa: ANN401  # CTranslate2 has no types
        """Run the generator on the prompts `starts`, with CTranslate2's options."""
        self._busy = True
        try:
            self._weights().generate_batch([list(start) for start in starts], **options)
        except FAILURES:
            if self._generator is None:  # not loaded: nothing is kept of what was to be read
                self._forget()
            raise
        finally:
            self._busy = False
            allocator.note_work()

    def _weights(self) -> Any:  # noqa: ANN401  # CTranslate2 has no types
        """Return the generator, loaded again if it was dropped; `close` may be called from another thread meanwhile."""
        generator = self._generator
        if generator is None:
            if not self._closed:
                generator = self._generator = _load(self._folder, self.placement)
            if self._closed:
                self._generator = None
                raise RuntimeError("the weights were unloaded")
        return generator

    def _drop(self) -> None:
        """Drop the generator, which is the only way to free kept KV states; `_weights` loads it again."""
        self._generator = None
        self._forget()

    def _forget(self) -> None:
        """Forget which heads are kept."""
        self._kept.clear()
        self._kept_tokens = 0


def count_cuda_devices() -> int:
    """Return the number of CUDA devices that CTranslate2 finds."""
    import ctranslate2  # noqa: PLC0415  # heavy; not before a model is asked for

    return int(ctranslate2.get_cuda_device_count())


def compute_kept_bytes(size_bytes: int) -> int:
    """Return how much memory the kept KV states of weights of that size may take, in bytes."""
    return max(KEPT_BYTES, min(int(KEPT_SHARE * size_bytes), MOST_KEPT_BYTES))


def _measure_size(folder: Path) -> int:
    """Return the size of the weights file in `folder`, in bytes; 0 if it is missing."""
    try:
        return (folder / WEIGHTS_FILE).stat().st_size
    except OSError:
        return 0


def _load(folder: Path, placement: Placement) -> Any:  # noqa: ANN401  # CTranslate2 has no types
    """Load the weights in `folder` with bounded memory."""
    allocator.limit_memory()
    if _measure_size(folder) >= LARGE_BYTES:
        allocator.allow_large_heaps()
    # MKL allocates more than it uses to pack weights; in pages that were used before, all of that would be resident.
    allocator.release_free_pages()
    import ctranslate2  # noqa: PLC0415  # heavy; not before a model is asked for

    return ctranslate2.Generator(
        str(folder),
        device=placement.device,
        compute_type=placement.compute_type,
        inter_threads=1,
        intra_threads=placement.threads,
    )


def _compute_log_prob(logits: Any, number: int, among: Sequence[int] | None) -> float:  # noqa: ANN401  # CTranslate2 has no types
    """Return the log-probability of the token `number`, among the ids `among` if given."""
    return float(_compute_log_softmax(logits, among)[number])


def _rank_tokens(
    logits: Any,  # noqa: ANN401  # CTranslate2 has no types
    count: int,
    among: Sequence[int] | None,
) -> tuple[tuple[int, float], ...]:
    """Return ids and log-probabilities of the `count` likeliest tokens, among the ids `among` if given."""
    scores = _compute_log_softmax(logits, among)
    best = (-scores).argsort()[:count] if count > 1 else [scores.argmax()]
    return tuple((int(number), float(scores[number])) for number in best)


def _compute_log_softmax(logits: Any, among: Sequence[int] | None) -> Any:  # noqa: ANN401  # CTranslate2 has no types
    """Return the log-probabilities of all tokens; with `among`, relative to those ids, and -inf for the others."""
    import numpy as np  # noqa: PLC0415  # heavy; only alternatives, scores and begun words need it

    scores = np.array(logits).astype(np.float32).reshape(-1)
    if among is not None:
        ids = np.asarray(among)
        allowed = np.full_like(scores, -np.inf)
        allowed[ids] = scores[ids]
        scores = allowed
    scores -= scores.max()
    return scores - np.log(np.exp(scores).sum())


_alive: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _release_all_at_exit() -> None:
    """Close all engines and wait, at most `EXIT_WAIT_S`, until running calls have ended."""
    deadline = time.monotonic() + EXIT_WAIT_S
    engines = list(_alive)
    for engine in engines:
        engine.close()
    while time.monotonic() < deadline and not all(engine.is_released() for engine in engines):
        time.sleep(0.005)
