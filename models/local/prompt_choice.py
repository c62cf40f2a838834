"""Choice of a request's prompt: the longest that a model can read in time, and whether to keep its head.

Small models always read a whole window, large ones as much as their speed allows. Nothing is computed here
(`models.local.engine` does that). Start at `PromptChooser.choose`.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from models.fim import lay_out

if TYPE_CHECKING:
    from models.catalog.catalog import ModelEntry
    from models.completion import FillRequest
    from models.fim import Prompt
    from models.local.cached_heads import CachedHeads
    from models.local.calibration import MovingSpeed
    from models.tokenizer import Tokenizer

# The longest prompt of a large model takes at most this time to read. It is one of `PROMPT_STEPS`, so that it seldom
# changes; `USUAL_PROMPT` if the speed is unknown.
LONGEST_READ_S = 4.0
# With 512 tokens the prompt holds every name of the line as often as a raw one with 860 does, with 256 half as often.
PROMPT_STEPS = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
USUAL_PROMPT = 1024
# The text after the cursor is read anew with each key. It has as many tokens as are read in this time, but at least
# `LEAST_SUFFIX`.
SUFFIX_S = 0.3
LEAST_SUFFIX = 48
# Time for `LINE_TOKENS` tokens of the answer is reserved, but at most this share of a request's time.
LINE_TOKENS = 10
MOST_FOR_WRITING = 0.6
# After a prompt of fewer tokens a model writes noise. Then the whole prompt is read: this answer will be late, but the
# next one is better.
LEAST_PROMPT = 384


class PromptChooser:
    """Chooser of the prompts of one model. `choose` needs a lock around it, `lay_out_longest` does not.

    Attributes:
        speed: the model's speed, kept up to date by the caller; None if unknown.
    """

    def __init__(
        self, entry: ModelEntry, tokenizer: Tokenizer, cached_heads: CachedHeads, speed: MovingSpeed | None
    ) -> None:
        self.speed = speed
        self._entry = entry
        self._tokenizer = tokenizer
        self._cached_heads = cached_heads
        self._last_cut: tuple[FillRequest, Prompt] | None = None

    def lay_out_longest(self, request: FillRequest) -> Prompt:
        """Return the longest prompt of `request` that this model is ever given.

        For a small model it may fill the window. For a large one its most tokens are `USUAL_PROMPT` if the speed is
        unknown, else the largest of `PROMPT_STEPS` that is read in `LONGEST_READ_S` and takes at most half of the
        cache, or the first step if none does.
        """
        if not self._entry.large:
            return lay_out(request, self._entry, self._tokenizer)
        most = USUAL_PROMPT
        if self.speed is not None:
            prompt_tokens_per_s = self.speed.steady.prompt_tokens_per_s
            readable = min(LONGEST_READ_S * prompt_tokens_per_s, self._cached_heads.most_tokens / 2)
            most = max((step for step in PROMPT_STEPS if step <= readable), default=PROMPT_STEPS[0])
        return lay_out(request, self._entry, self._tokenizer, most, self._limit_suffix())

    def choose(self, request: FillRequest, longest: Prompt, deadline: float, answers: int) -> tuple[Prompt, bool]:
        """Return the prompt to decode from, and whether to cache its head.

        For several answers, a large model's whole prompt but its last token becomes the head if that saves time. A
        head for which there is no room is not cached if the request has a time budget: the weights would have to be
        loaded again, which takes seconds. After a partial word it is cached nevertheless, because it may be read twice.

        Args:
            request: what to complete.
            longest: its prompt by `lay_out_longest`.
            deadline: when the answer is due, on the monotonic clock in seconds; infinity for never.
            answers: how many answers will be decoded.
        """
        prompt, keep = self._fit_time(request, longest, deadline)
        before = len(prompt.tokens) - 1
        if self._entry.large and answers * (before - self._cached_heads.count_cached_tokens(prompt.tokens)) > before:
            return replace(prompt, settled=before), True
        too_slow = request.budget_ms and not prompt.forced_start and not self._cached_heads.has_room(prompt)
        return prompt, keep and not too_slow

    def _limit_suffix(self) -> int:
        """Return how many tokens after the cursor a prompt may have, by the speed of reading; 0 if it is unknown."""
        if self.speed is None:
            return 0
        return max(LEAST_SUFFIX, int(SUFFIX_S * self.speed.steady.prompt_tokens_per_s))

    def _fit_time(self, request: FillRequest, longest: Prompt, deadline: float) -> tuple[Prompt, bool]:
        """Return the prompt that can be read before `deadline`, and whether there is time to read and cache its head.

        The prompt is `longest` if its unread part can be read in time, if the speed is unknown, if there is no
        deadline, or if fewer than `LEAST_PROMPT` tokens can be read in time; else a shorter one.
        """
        if self.speed is None or math.isinf(deadline):
            return longest, True
        speed, left_s = self.speed.now, deadline - time.monotonic()
        writing_s = min(LINE_TOKENS / speed.new_tokens_per_s, MOST_FOR_WRITING * left_s)
        readable = int((left_s - writing_s) * speed.prompt_tokens_per_s)
        length = len(longest.tokens)
        unread = length - self._cached_heads.count_cached_tokens(longest.tokens)
        if length <= readable:
            return longest, unread > length / 2  # if more is kept, that is used
        asked, last = replace(request, budget_ms=0.0), self._last_cut
        if (
            last is not None
            and last[0] == asked
            and self._cached_heads.count_cached_tokens(last[1].tokens) >= len(last[1].tokens) - 1
        ):
            return last[1], False  # an alternative answer to the same request, whose prompt is kept
        if unread <= readable or readable < LEAST_PROMPT:
            return longest, unread > readable  # late in any case, so the head may be read and kept as well
        prompt = lay_out(request, self._entry, self._tokenizer, readable, self._limit_suffix())
        self._last_cut = asked, prompt
        return prompt, False
