"""`/v1/completions`: code behind a prompt, before a suffix, as OpenAI's API has it; always the likeliest tokens.

Start at `Completion.stream_events` for tokens one by one and at `Completion.answer_whole` for all at once.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from models.completion import DecodingResult, Openings, RankedToken
from models.host import protocol
from models.host.responses import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from models.completion import StreamingModel
    from models.host.computation import Computation
    from models.host.metrics import Metrics
    from models.host.protocol import CompletionRequest


@dataclass(frozen=True, slots=True)
class Piece:
    """One token: all text so far with it, and its log-probability."""

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class Completion:
    """One request and the model that answers it."""

    form: CompletionRequest
    model: StreamingModel
    computation: Computation
    metrics: Metrics
    identity: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def stream_events(self) -> AsyncGenerator[dict[str, Any], None]:
        """One event for each token, then one that says how it ended."""
        written, text = 0, ""
        async for item in self.computation.stream(self._decode):
            if isinstance(item, Piece):
                kept = len(text) if item.text.startswith(text) else _count_common(text, item.text)
                written += 1
                yield self._make_event(item.text[kept:], item.log_prob, at=kept)
                text = item.text
            elif isinstance(item, DecodingResult):
                self.metrics.add("tokens_total", written, model=self.model.entry.name)
                yield self._make_last_event(item, written)
            elif isinstance(item, list):
                yield self._make_object([]) | {
                    protocol.EXTENSION: {"ranking": [[one.number, one.log_prob] for one in item]}
                }

    async def answer_whole(self) -> dict[str, Any]:
        """The whole answer.

        Raises:
            ClientGoneError: it was given up.
        """
        pieces: list[Piece] = []
        decoded: DecodingResult | None = None
        async for item in self.computation.stream(self._decode):
            if isinstance(item, Piece):
                pieces.append(item)
            elif isinstance(item, DecodingResult):
                decoded = item
        if decoded is None:
            raise ClientGoneError
        self.metrics.add("tokens_total", len(pieces), model=self.model.entry.name)
        texts = ["", *(piece.text for piece in pieces)]
        tokens = [after[len(before) :] for before, after in pairwise(texts)]
        log_probs = {
            "tokens": tokens,
            "token_logprobs": [piece.log_prob for piece in pieces],
            "text_offset": [len(text) for text in texts[:-1]],
            "top_logprobs": None,
        }
        answer = self._make_last_event(decoded, len(pieces))
        answer["choices"][0] |= {"text": texts[-1], "logprobs": log_probs if self.form.log_probs else None}
        return answer

    async def compute_scores(self) -> dict[str, Any]:
        """What the model thinks of the continuations it was given.

        Raises:
            ClientGoneError: it was given up.
        """
        form = self.form

        def work() -> Any:  # noqa: ANN401 (scores; named below)
            return self.model.score(form.request, form.score, cancelled=self.computation.is_cancelled)

        scores = await self.computation.run(work)
        if len(scores) < len(form.score):
            raise ClientGoneError
        return self._make_object([]) | {
            protocol.EXTENSION: {"scores": [protocol.format_score(score) for score in scores]}
        }

    def _decode(self, tell: Callable[[Piece | list[RankedToken]], None]) -> DecodingResult | None:
        """On a thread: decode, and tell each token."""

        def on_token(text: str, log_prob: float) -> bool:
            ends = [place for stop in self.form.stops if (place := text.find(stop)) >= 0]
            tell(Piece(text[: min(ends)] if ends else text, log_prob))
            return bool(ends)

        openings = Openings(self.form.first, self.form.ranked, lambda likely: tell(list(likely)))
        return self.model.stream(
            self.form.request, on_token=on_token, cancelled=self.computation.is_cancelled, openings=openings
        )

    def _make_object(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": self.identity, "object": "text_completion", "created": self.created}
        return {**head, "model": self.model.entry.name, "choices": choices}

    def _make_event(self, new: str, log_prob: float, *, at: int) -> dict[str, Any]:
        log_probs = {"tokens": [new], "token_logprobs": [log_prob], "text_offset": [at], "top_logprobs": None}
        choice = {
            "index": 0,
            "text": new,
            "logprobs": log_probs if self.form.log_probs else None,
            "finish_reason": None,
        }
        return self._make_object([choice]) | {protocol.EXTENSION: {"at": at}}

    def _make_last_event(self, decoded: DecodingResult, written: int) -> dict[str, Any]:
        reason = "length" if decoded.end == "length" else "stop"
        choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": reason}
        usage = {
            "prompt_tokens": decoded.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": decoded.prompt_tokens + written,
            "prompt_tokens_details": {"cached_tokens": decoded.reused_tokens},
        }
        return self._make_object([choice]) | {"usage": usage}


def _count_common(one: str, other: str) -> int:
    """Characters at which both begin alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
