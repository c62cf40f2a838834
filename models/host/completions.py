"""`/v1/completions`: greedy completion of a prompt, before a suffix, in the form of OpenAI's API.

Start at `Completion.stream_events` for tokens one by one and at `Completion.answer_whole` for a single response.
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
    """One token of an answer.

    Attributes:
        text: the whole text so far, this token included.
        log_prob: the token's log-probability.
    """

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class Completion:
    """One request and the model that answers it; computed by one of its async methods."""

    form: CompletionRequest
    model: StreamingModel
    computation: Computation
    metrics: Metrics
    identity: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def stream_events(self) -> AsyncGenerator[dict[str, Any], None]:
        """Compute the completion and yield an event for each token, then one with finish reason and usage.

        If the request asks for likely first tokens, an event with them comes first.
        """
        written, text = 0, ""
        async for item in self.computation.stream(self._decode):
            if isinstance(item, Piece):
                kept = len(text) if item.text.startswith(text) else _measure_common_prefix(text, item.text)
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
        """Compute the completion and return it as one response object of OpenAI's API.

        Raises:
            ClientGoneError: the request was cancelled.
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
        """Compute the scores of the request's continuations and return them as a response object.

        Raises:
            ClientGoneError: the request was cancelled.
        """
        form = self.form

        def compute() -> Any:  # noqa: ANN401 (scores; named below)
            return self.model.score(form.request, form.score, cancelled=self.computation.is_cancelled)

        scores = await self.computation.run(compute)
        if len(scores) < len(form.score):
            raise ClientGoneError
        return self._make_object([]) | {
            protocol.EXTENSION: {"scores": [protocol.format_score(score) for score in scores]}
        }

    def _decode(self, report: Callable[[Piece | list[RankedToken]], None]) -> DecodingResult | None:
        """Decode and pass the ranking, if requested, and then each token to `report`; runs on a worker thread.

        Return None if the request was cancelled.
        """

        def on_token(text: str, log_prob: float) -> bool:
            """Report the text so far, cut before the first stop text; return whether it contains one."""
            ends = [place for stop in self.form.stops if (place := text.find(stop)) >= 0]
            report(Piece(text[: min(ends)] if ends else text, log_prob))
            return bool(ends)

        openings = Openings(self.form.first, self.form.ranked, lambda likely: report(list(likely)))
        return self.model.stream(
            self.form.request, on_token=on_token, cancelled=self.computation.is_cancelled, openings=openings
        )

    def _make_object(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a response object of OpenAI's API with `choices`."""
        head = {"id": self.identity, "object": "text_completion", "created": self.created}
        return {**head, "model": self.model.entry.name, "choices": choices}

    def _make_event(self, new: str, log_prob: float, *, at: int) -> dict[str, Any]:
        """Return the event of one token: its text `new`, which begins after `at` characters, and log-probability."""
        log_probs = {"tokens": [new], "token_logprobs": [log_prob], "text_offset": [at], "top_logprobs": None}
        choice = {
            "index": 0,
            "text": new,
            "logprobs": log_probs if self.form.log_probs else None,
            "finish_reason": None,
        }
        return self._make_object([choice]) | {protocol.EXTENSION: {"at": at}}

    def _make_last_event(self, decoded: DecodingResult, written: int) -> dict[str, Any]:
        """Return the event with finish reason and usage of an answer of `written` tokens."""
        reason = "length" if decoded.end == "length" else "stop"
        choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": reason}
        usage = {
            "prompt_tokens": decoded.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": decoded.prompt_tokens + written,
            "prompt_tokens_details": {"cached_tokens": decoded.reused_tokens},
        }
        return self._make_object([choice]) | {"usage": usage}


def _measure_common_prefix(one: str, other: str) -> int:
    """Return the length of the prefix that both texts have in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
