"""CTranslate2's generator: tokens in, tokens out, one call at a time.

Holds one `ctranslate2.Generator`, bounds its cached KV states (`models.local.cached_heads`), and releases it before the
interpreter ends (a generator that is alive then, after a call with a callback, aborts the process). Knows no text, no
prompt layout and no queue (`models.local.ctranslate_completion`). Not thread-safe: the caller serializes calls. Start
at `Engine`.
"""

from __future__ import annotations

import atexit
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.local import allocator
from models.local.cached_heads import CachedHeads, compute_cache_bytes
from models.local.greedy_decoding import GreedyDecoding, Step, Token
from models.local.log_probs import compute_log_prob
from models.local.weights_file import WEIGHTS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.fim import Prompt
    from models.local.greedy_decoding import Steering

# While weights of this size or more compute, they allocate hundreds of megabytes.
LARGE_BYTES = 100_000_000
# Longest wait at interpreter exit for running calls, which end at their next token.
EXIT_WAIT_S = 5.0
# Number of the likeliest tokens among which sampling chooses.
SAMPLED = 40
# CTranslate2's exceptions for damaged weights, too little memory, too many positions or a missing library.
FAILURES = (RuntimeError, ValueError, IndexError, MemoryError)


@dataclass(frozen=True, slots=True)
class Placement:
    """Device, compute type and number of threads with which weights are computed."""

    device: str
    compute_type: str
    threads: int


class Engine:
    """A loaded network that decodes prompts.

    Attributes:
        placement: device, compute type and threads.
        cached_heads: the prompt heads whose KV states are cached.
    """

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
            placement: device, compute type and threads.
            kv_token_bytes: size of the KV state of one token.
            window_tokens: most tokens of a prompt.
            ends: tokens that end an answer: the end token and all markers.

        Raises:
            RuntimeError, ValueError, IndexError, MemoryError: CTranslate2 cannot load them (`FAILURES`).
        """
        self._folder = folder
        self.placement = placement
        self.cached_heads = CachedHeads(window_tokens, compute_cache_bytes(_measure_size(folder)), kv_token_bytes)
        self._ends = list(ends)
        self._closed = False
        self._busy = False
        self._generator: Any = _load(folder, placement)
        _alive.add(self)

    def close(self) -> None:
        """Release the weights; a call that runs in another thread ends at its next token."""
        self._closed = True
        self._drop()

    def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
        """Run a request with a prompt and an answer of these lengths, in tokens, and return its time in seconds.

        No KV state is reused or cached.
        """
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
        """Return whether the weights are dropped and no call that could hold them is running."""
        return self._generator is None and not self._busy

    def decode(  # noqa: PLR0913 (all that decoding depends on)
        self,
        prompt: Prompt,
        on_step: Callable[[Step], bool],
        *,
        ranked: int = 1,
        ignore_ends: bool = False,
        steering: Steering | None = None,
        keep: bool = True,
    ) -> tuple[int, tuple[tuple[int, float], ...]]:
        """Decode greedily until `on_step` returns true, an end token is chosen, or the budget is used up.

        `close` ends the run too, at the next token, without an error.

        Args:
            prompt: the prompt; the KV state of its settled part is cached if `CachedHeads.choose_head` says so.
            on_step: called with each token except an end token; returns whether to stop.
            ranked: how many of the likeliest first tokens to return.
            ignore_ends: whether to use up the whole budget, past any end token (for measuring).
            steering: restricts the first tokens. The likeliest allowed token is taken, with its log-probability among
                the allowed ones. CTranslate2 itself chooses freely; where it chose another token, decoding restarts
                after the allowed one.
            keep: whether the settled part may be read again to cache it; else the longest cached head is used.

        Returns:
            How many prompt tokens were not computed again, and the ids and log-probabilities of the likeliest first
            tokens if `ranked` > 1.
        """
        head, rest, reused = self._split_prompt(prompt, keep=keep)
        decoding = GreedyDecoding(lambda step: self._closed or on_step(step), self._ends, ranked, steering)
        while True:
            left = prompt.max_tokens - len(decoding.chosen)
            decoding.diverged = False
            self._run(
                [[*rest, *decoding.chosen]],
                max_length=left,
                min_length=left if ignore_ends else 0,
                include_prompt_in_result=False,
                return_scores=True,
                return_logits_vocab=ranked > 1 or steering is not None,
                end_token=self._ends,
                callback=decoding.take,
                **self._make_head_options(head),
            )
            if not decoding.diverged or len(decoding.chosen) >= prompt.max_tokens:
                return reused, decoding.ranking

    def sample(self, prompt: Prompt, on_step: Callable[[Step], bool], *, temperature: float) -> int:
        """Decode with sampling until `on_step` returns true, an end token is drawn, or the budget is used up.

        `close` ends the run too, at the next token, without an error.

        Args:
            prompt: the prompt; the KV state of its settled part is cached if `CachedHeads.choose_head` says so.
            on_step: called with each token except an end token; returns whether to stop.
            temperature: 0 decodes greedily.

        Returns:
            How many prompt tokens were not computed again.
        """
        head, rest, reused = self._split_prompt(prompt)

        def callback(result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
            """Pass the decoded token to `on_step` unless it is an end token; return whether to stop."""
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
        """Return the log-probability of each token of `continuation` after `prompt`.

        Decoding is forced along the tokens. Unlike CTranslate2's `score_batch`, whose last layer runs over the whole
        prompt, this can be stopped.

        Args:
            prompt: the prompt.
            continuation: the tokens to score.
            stop: called after each token; once it returns true, or after `close`, fewer log-probabilities are returned.
            keep: whether to cache the KV state of the prompt, for several continuations of the same prompt.
            among: for each of the first tokens, the ids to which its probability is relative; the other tokens are
                compared with the whole vocabulary.
        """
        log_probs: list[float] = []

        def callback(result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
            """Compute and collect the log-probability of the next token; return whether to stop."""
            place = len(log_probs)
            ids = among[place] if place < len(among) else None
            log_probs.append(compute_log_prob(result.logits, continuation[place].number, ids))
            return self._closed or stop()

        # The last prompt token starts the forced run; the tokens before it are computed at once.
        before = len(prompt.tokens) - 1
        head = tuple(prompt.tokens[:before])
        kept = head in self.cached_heads or (keep and self.cached_heads.is_cacheable(before))
        if kept:
            self._note_head(head)
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

    def cache_head(self, prompt: Prompt) -> None:
        """Compute and cache the KV state of the settled part of `prompt`, if `CachedHeads.should_cache` says so."""
        if not self.cached_heads.should_cache(prompt):
            return
        head, _, _ = self._split_prompt(prompt)
        self._run([prompt.tokens[len(head) : len(head) + 1]], static_prompt=head, max_length=1)

    def _split_prompt(self, prompt: Prompt, *, keep: bool = True) -> tuple[list[str], list[str], int]:
        """Return the head and the rest of `prompt`, and how many tokens of the head need no computing.

        With `keep`, a new head is recorded as cached.
        """
        tokens = prompt.tokens
        length, reused = self.cached_heads.choose_head(tokens, prompt.settled, keep=keep)
        if keep and length > reused:
            self._note_head(tuple(tokens[:length]))
        return list(tokens[:length]), list(tokens[length:]), reused

    def _make_head_options(self, head: list[str]) -> dict[str, Any]:
        """Return CTranslate2's options for a prompt that begins with `head`."""
        return {"static_prompt": head, "cache_static_prompt": tuple(head) in self.cached_heads} if head else {}

    def _note_head(self, head: tuple[str, ...]) -> None:
        """Record that the KV state of `head` is cached from the next call on; drop all others if there is no room."""
        if self.cached_heads.add(head):
            self._generator = None

    def _run(self, starts: Sequence[Sequence[str]], **options: Any) -> None:  # noqa: ANN401  # CTranslate2 has no types
        """Run the generator on the prompts `starts`, with CTranslate2's options."""
        self._busy = True
        try:
            self._ensure_loaded().generate_batch([list(start) for start in starts], **options)
        except FAILURES:
            if self._generator is None:  # not loaded, so the head that was to be read is not kept
                self.cached_heads.clear()
            raise
        finally:
            self._busy = False
            allocator.note_work()

    def _ensure_loaded(self) -> Any:  # noqa: ANN401  # CTranslate2 has no types
        """Return the generator; load it again if it was dropped.

        Raises:
            RuntimeError: `close` was called, maybe from another thread while the weights were loading.
        """
        generator = self._generator
        if generator is None:
            if not self._closed:
                generator = self._generator = _load(self._folder, self.placement)
            if self._closed:
                self._generator = None
                raise RuntimeError("the weights were unloaded")
        return generator

    def _drop(self) -> None:
        """Drop the generator, which is the only way to free cached KV states; `_ensure_loaded` loads it again."""
        self._generator = None
        self.cached_heads.clear()


def count_cuda_devices() -> int:
    """Return the number of CUDA devices that CTranslate2 finds."""
    import ctranslate2  # noqa: PLC0415  # heavy; not before a model is asked for

    return int(ctranslate2.get_cuda_device_count())


def _measure_size(folder: Path) -> int:
    """Return the size of the weights file in `folder`, in bytes; 0 if it is missing."""
    try:
        return (folder / WEIGHTS_FILE).stat().st_size
    except OSError:
        return 0


def _load(folder: Path, placement: Placement) -> Any:  # noqa: ANN401  # CTranslate2 has no types
    """Load the weights in `folder` and return CTranslate2's generator; limit the allocator's memory before."""
    allocator.limit_memory()
    if _measure_size(folder) >= LARGE_BYTES:
        allocator.allow_large_heaps()
    # To pack weights, MKL allocates more than it uses; in pages that were used before, all of it would be resident.
    allocator.release_free_pages()
    import ctranslate2  # noqa: PLC0415  # heavy; not before a model is asked for

    return ctranslate2.Generator(
        str(folder),
        device=placement.device,
        compute_type=placement.compute_type,
        inter_threads=1,
        intra_threads=placement.threads,
    )


_alive: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def _release_all_at_exit() -> None:
    """Close all engines and wait, at most `EXIT_WAIT_S` seconds, until running calls have ended."""
    deadline = time.monotonic() + EXIT_WAIT_S
    engines = list(_alive)
    for engine in engines:
        engine.close()
    while time.monotonic() < deadline and not all(engine.is_released() for engine in engines):
        time.sleep(0.005)
