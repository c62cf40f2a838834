"""The completion port: requests and results of a fill-in-the-middle model.

Every completion backend (CTranslate2 in this process, a scripted double, a model behind a connection) implements
`CompletionModel`. Nothing here knows a workspace, an index or LSP. Start at `CompletionModel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry


class StopReason(StrEnum):
    """Reason for which a generation ended."""

    END = "end"  # the model's own end token
    LENGTH = "length"  # the token budget was spent
    STOPPED = "stopped"  # the caller's stop rule ended it
    CANCELLED = "cancelled"  # the caller cancelled it
    LATE = "late"  # the deadline passed: the text ends with a whole line, or within its first one


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file, shown to the model before the file being completed.

    Attributes:
        path: workspace-relative, `/`-separated; written after the model's file marker if it has one.
        text: the code, whole lines.
        stable: whether the next request probably contains it unchanged; stable snippets come first in the prompt, so
            that their KV state is reused.
    """

    path: str
    text: str
    stable: bool = True


@dataclass(frozen=True, slots=True)
class FillRequest:
    """A request to fill in the middle, as text; the model lays it out in its own format and cuts it to its window.

    Attributes:
        path: name of the file being completed, workspace-relative, `/`-separated; "" if unknown.
        prefix: text before the cursor, up to the whole file.
        suffix: text after the cursor, up to the whole file.
        snippets: context from other files, most useful first.
        max_tokens: most new tokens.
        budget_ms: time for the answer in milliseconds, from the call on; the prompt is cut so that it fits. 0 for no
            limit.
        ends_late: whether the answer ends when that time is over, with the text so far.
    """

    path: str
    prefix: str
    suffix: str
    snippets: tuple[Snippet, ...] = ()
    max_tokens: int = 64
    budget_ms: float = 0.0
    ends_late: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """One continuation.

    Attributes:
        text: the middle, without any special token.
        log_probs: natural logarithm of each kept token's probability, in order; shape (tokens,).
        stop: why it ended.
        prompt_tokens: tokens of the prompt, context included.
        reused_tokens: how many of them came from kept KV state.
        token_ends: for each kept token the number of characters of `text` covered up to its end; empty if unknown.
    """

    text: str
    log_probs: tuple[float, ...]
    stop: StopReason
    prompt_tokens: int = 0
    reused_tokens: int = 0
    token_ends: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probabilities of a given continuation.

    Attributes:
        text: the continuation that was scored.
        log_probs: natural logarithm of the probability of each of its tokens, in order; shape (tokens,).
        token_ends: for each token the number of characters of `text` covered up to its end; same shape.
    """

    text: str
    log_probs: tuple[float, ...]
    token_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RankedToken:
    """A possible first token.

    Attributes:
        number: its id; -1 if the server does not tell ids.
        log_prob: natural logarithm of its probability.
        text: its text; "" if `number` is known.
    """

    number: int
    log_prob: float
    text: str = ""


def _ignore_ranking(_: Sequence[RankedToken]) -> None:
    """Do nothing: the default of `Openings.on_ranking`."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Options for the first token of a generation.

    Attributes:
        first: the token to begin with, from an earlier ranking; None for the likeliest.
        most: how many of the likeliest first tokens to report.
        on_ranking: called with these tokens, best first, before the first token is reported; only if `most` > 1.
    """

    first: RankedToken | None = None
    most: int = 1
    on_ranking: Callable[[Sequence[RankedToken]], object] = _ignore_ranking


@dataclass(frozen=True, slots=True)
class DecodingResult:
    """Figures of a finished decoding.

    Attributes:
        prompt_tokens: tokens of the prompt, context included.
        reused_tokens: how many of them came from kept KV state.
        end: LENGTH if the token budget was used up, else END.
    """

    prompt_tokens: int
    reused_tokens: int
    end: StopReason


class CompletionModel(Protocol):
    """A fill-in-the-middle model. Thread-safe; computes one request at a time, the newest waiting one first."""

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the model."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`."""
        ...

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request` greedily; with `alternatives` > 1 also from the next likeliest first tokens, best first.

        A call that is cancelled returns what it has by then; the generation cut short has `StopReason.CANCELLED`.

        Args:
            request: what to complete.
            stop: called with the whole text so far after each token; returns None to continue, or the number of
                characters to keep. For further alternatives it may be called only once their text is complete, and
                cuts that text.
            cancelled: asked before the work begins and at each token; true ends the work.
            alternatives: most continuations to return; they differ from each other.

        Raises:
            models.errors.ModelError: the model is broken or unloaded; the message says what to do.
        """
        ...

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Return the scores of `continuations` as the middle of `request`, in the same order; fewer if cancelled.

        Raises:
            models.errors.ModelError: as for `generate`.
        """
        ...

    def close(self) -> None:
        """Release the weights. Idempotent; may be called while another thread computes."""
        ...


class StreamingModel(CompletionModel, Protocol):
    """A completion model that reports its tokens one by one, as the model host needs."""

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> DecodingResult | None:
        """Complete `request` greedily and pass each token to `on_token`; return the figures, or None if cancelled.

        Args:
            request: what to complete.
            on_token: called with the whole text so far and the newest token's log-probability; returns whether to stop.
            cancelled: asked before the work begins and at each token.
            openings: options for the first token.

        Raises:
            models.errors.ModelError: as for `generate`.
        """
        ...
