"""Record of the prompt heads whose KV states a generator keeps, and the choice of the head to keep next.

A head is the start of a prompt. Counts tokens only: computing and freeing KV states is done by `models.local.engine`.
Start at `KeptHeads.choose_head`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
# A shorter head is computed again rather than kept.
LEAST_KEPT_TOKENS = 64
# With a window of more than `LONG_WINDOW` tokens, reading a whole head takes a second. So a kept head is used even if
# it is shorter than the settled part by up to `MOST_LACKING` tokens, or by one in `LACKING_PART` of them.
LONG_WINDOW = 1024
MOST_LACKING = 64
LACKING_PART = 8


class KeptHeads:
    """The heads of prompts whose KV states are kept.

    Attributes:
        most_tokens: most tokens of all heads together.
        long_window: whether a head is used although it lacks some tokens of the settled part.
    """

    def __init__(self, window_tokens: int, kept_bytes: int, kv_token_bytes: int) -> None:
        """Begin without heads.

        Args:
            window_tokens: the longest prompt.
            kept_bytes: most memory of all KV states together.
            kv_token_bytes: size of the KV state of one token.
        """
        self.most_tokens = min(KEPT_WINDOWS * window_tokens, kept_bytes // max(1, kv_token_bytes))
        self.long_window = window_tokens > LONG_WINDOW
        self._heads: set[tuple[str, ...]] = set()
        self._tokens = 0

    def __contains__(self, head: object) -> bool:
        return head in self._heads

    @property
    def heads(self) -> frozenset[tuple[str, ...]]:
        """The kept heads."""
        return frozenset(self._heads)

    def count_kept_tokens(self, tokens: Sequence[str]) -> int:
        """Return the length of the longest kept head with which `tokens` begins; 0 if there is none."""
        tokens = tuple(tokens)
        return max((len(head) for head in list(self._heads) if tokens[: len(head)] == head), default=0)

    def is_keepable(self, length: int) -> bool:
        """Return whether a head of `length` tokens is long enough to be worth keeping and fits `most_tokens`."""
        return LEAST_KEPT_TOKENS <= length <= self.most_tokens

    def should_keep(self, prompt: Prompt) -> bool:
        """Return whether to compute and keep the settled part of `prompt`.

        It has to be keepable, and the kept heads to cover too little of it. The last token of a prompt
        never belongs to a head: CTranslate2 starts decoding with it.
        """
        before = len(prompt.tokens) - 1
        return self._is_worth_reading(min(prompt.settled, before), self.count_kept_tokens(prompt.tokens[:before]))

    def has_room(self, prompt: Prompt) -> bool:
        """Return whether the settled part of `prompt` fits beside the kept heads, so that none has to be dropped."""
        return not self._heads or self._tokens + prompt.settled <= self.most_tokens

    def choose_head(self, tokens: Sequence[str], settled: int, *, keep: bool) -> tuple[int, int]:
        """Return the length of the head with which to compute a prompt, and how many of its tokens need no computing.

        Args:
            tokens: the prompt.
            settled: how many of them the next prompt probably begins with.
            keep: whether a new head may be read to keep it; if false, it is read only if the prompt begins with no
                kept head.
        """
        before = len(tokens) - 1
        known, settled = self.count_kept_tokens(tokens[:before]), min(settled, before)
        if not self._is_worth_reading(settled, known) or (known and not keep):
            return known, known
        return settled, 0

    def add(self, head: tuple[str, ...]) -> bool:
        """Record `head` as kept; return whether all others were forgotten for lack of room and have to be freed."""
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
        """Return whether a head of `settled` tokens, `known` of them kept already, is worth computing and keeping."""
        most_lacking = max(MOST_LACKING, settled // LACKING_PART) if self.long_window else 0
        return self.is_keepable(settled) and settled - known > most_lacking


def compute_kept_bytes(size_bytes: int) -> int:
    """Return how much memory the kept KV states of weights of `size_bytes` may take, in bytes."""
    return max(KEPT_BYTES, min(int(KEPT_SHARE * size_bytes), MOST_KEPT_BYTES))
