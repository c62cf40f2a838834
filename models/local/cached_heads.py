"""Record of the prompt heads whose KV states a generator caches, and the choice of the head to cache next.

A head is the start of a prompt. Counts tokens only: computing and freeing KV states is done by `models.local.engine`.
Start at `CachedHeads.choose_head`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.fim import Prompt

# Bounds of the cached KV states, in windows of the model and in bytes. CTranslate2 never frees one, so beyond a bound
# the generator is created anew. With two windows that takes 12 ms in one request of 27, and as much is reused as with
# ten windows: 84 % of the tokens of a prompt.
CACHE_WINDOWS = 2
LEAST_CACHE_BYTES = 64_000_000
# For large weights the bound is a share of their own size, up to another bound: their KV states are larger, and loading
# them again takes seconds.
CACHE_SHARE = 0.6
MOST_CACHE_BYTES = 1_000_000_000
# A shorter head is computed again rather than cached.
LEAST_CACHED_TOKENS = 64
# With a window of more than `LONG_WINDOW` tokens, reading a whole head takes a second. So a cached head is used even if
# it is shorter than the settled part by up to `MOST_LACKING` tokens, or by one in `LACKING_PART` of them.
LONG_WINDOW = 1024
MOST_LACKING = 64
LACKING_PART = 8


class CachedHeads:
    """The heads of prompts whose KV states are cached.

    Attributes:
        most_tokens: most tokens of all heads together.
        long_window: whether a head is used although it lacks some tokens of the settled part.
    """

    def __init__(self, window_tokens: int, cache_bytes: int, kv_token_bytes: int) -> None:
        """Begin without heads.

        Args:
            window_tokens: the longest prompt.
            cache_bytes: most memory of all KV states together.
            kv_token_bytes: size of the KV state of one token.
        """
        self.most_tokens = min(CACHE_WINDOWS * window_tokens, cache_bytes // max(1, kv_token_bytes))
        self.long_window = window_tokens > LONG_WINDOW
        self._heads: set[tuple[str, ...]] = set()
        self._tokens = 0

    def __contains__(self, head: object) -> bool:
        return head in self._heads

    @property
    def heads(self) -> frozenset[tuple[str, ...]]:
        """The cached heads."""
        return frozenset(self._heads)

    def count_cached_tokens(self, tokens: Sequence[str]) -> int:
        """Return the length of the longest cached head with which `tokens` begins; 0 if there is none."""
        tokens = tuple(tokens)
        return max((len(head) for head in list(self._heads) if tokens[: len(head)] == head), default=0)

    def is_cacheable(self, length: int) -> bool:
        """Return whether `length` is between `LEAST_CACHED_TOKENS` and `most_tokens`."""
        return LEAST_CACHED_TOKENS <= length <= self.most_tokens

    def should_cache(self, prompt: Prompt) -> bool:
        """Return whether to compute and cache the settled part of `prompt`.

        It has to be cacheable, and the cached heads to cover too little of it. The last token of a prompt
        never belongs to a head: CTranslate2 starts decoding with it.
        """
        before = len(prompt.tokens) - 1
        return self._is_worth_reading(min(prompt.settled, before), self.count_cached_tokens(prompt.tokens[:before]))

    def has_room(self, prompt: Prompt) -> bool:
        """Return whether the settled part of `prompt` fits beside the cached heads, so that none has to be dropped."""
        return not self._heads or self._tokens + prompt.settled <= self.most_tokens

    def choose_head(self, tokens: Sequence[str], settled: int, *, keep: bool) -> tuple[int, int]:
        """Return the length of the head with which to compute a prompt, and how many of its tokens need no computing.

        Args:
            tokens: the prompt.
            settled: how many of them the next prompt probably begins with.
            keep: whether a new head may be read to cache it; if false, it is read only if the prompt begins with no
                cached head.
        """
        before = len(tokens) - 1
        known, settled = self.count_cached_tokens(tokens[:before]), min(settled, before)
        if not self._is_worth_reading(settled, known) or (known and not keep):
            return known, known
        return settled, 0

    def add(self, head: tuple[str, ...]) -> bool:
        """Record `head` as cached; return whether all others were forgotten for lack of room and have to be freed."""
        if head in self._heads:
            return False
        is_full = self._tokens + len(head) > self.most_tokens
        if is_full:
            self.clear()
        self._heads.add(head)
        self._tokens += len(head)
        return is_full

    def clear(self) -> None:
        """Forget all heads."""
        self._heads.clear()
        self._tokens = 0

    def _is_worth_reading(self, settled: int, known: int) -> bool:
        """Return whether a head of `settled` tokens is cacheable and the `known` tokens cached already are too few."""
        most_lacking = max(MOST_LACKING, settled // LACKING_PART) if self.long_window else 0
        return self.is_cacheable(settled) and settled - known > most_lacking


def compute_cache_bytes(size_bytes: int) -> int:
    """Return how much memory the cached KV states of weights of `size_bytes` may take, in bytes."""
    return max(LEAST_CACHE_BYTES, min(int(CACHE_SHARE * size_bytes), MOST_CACHE_BYTES))
