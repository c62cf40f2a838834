"""The completion port: what a fill-in-the-middle model takes and gives.

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
    """Why a generation ended."""

    END = "end"  # the model's own end token
    LENGTH = "length"  # the token budget was spent
    STOPPED = "stopped"  # the caller's stop rule said so
    CANCELLED = "cancelled"  # the caller no longer wants it
    LATE = "late"  # the time was over: the text ends with a whole line, or within its first


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file, shown to the model before the file being completed.

    Attributes:
        path: workspace-relative, `/`-separated; goes behind the model's file marker where it has one.
        text: the code, whole lines.
        stable: likely to stand unchanged in the next request too; stable snippets go first so that KV state is reused.
    """

    path: str
    text: str
    stable: bool = True


@dataclass(frozen=True, slots=True)
class FillRequest:
    """What to complete, as text; the model lays it out in its own FIM format and cuts it to its own context length.

    Attributes:
        path: name of the file being completed, workspace-relative, `/`-separated; "" when unknown.
        prefix: text before the cursor, up to the whole file.
        suffix: text after the cursor, up to the whole file.
        snippets: context from elsewhere, most useful first.
        max_tokens: budget of new tokens.
        budget_ms: time that the answer should take, milliseconds, from when the model is asked; what does not fit is
            cut from the prompt. 0 for as long as it takes.
        ends_late: whether the answer ends when that time is over, with what there is.
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
        reused_tokens: how many of them were not computed again.
    """

    text: str
    log_probs: tuple[float, ...]
    stop: StopReason
    prompt_tokens: int = 0
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """How likely the model finds a given continuation.

    Attributes:
        text: the continuation that was scored.
        log_probs: natural logarithm of the probability of each of its tokens, in order; shape (tokens,).
        token_ends: for each token the number of characters of `text` covered up to its end; same shape.
    """

    text: str
    log_probs: tuple[float, ...]
    token_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A token that could come first: its id, and the natural logarithm of its probability.

    A server of somebody else's tells the token's text in place of its id, which is -1 then.
    """

    number: int
    log_prob: float
    text: str = ""


def _untold(_: Sequence[Ranked]) -> None:
    """For callers that ask for no ranking."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Which tokens may come first.

    Attributes:
        first: begin with this one, as it was told before; None for the likeliest.
        most: how many of the likeliest to tell.
        tell: told them, best first, before the first token, when `most` > 1.
    """

    first: Ranked | None = None
    most: int = 1
    tell: Callable[[Sequence[Ranked]], object] = _untold


@dataclass(frozen=True, slots=True)
class Decoded:
    """How a stream of tokens ended.

    Attributes:
        prompt_tokens: tokens of the prompt, context included.
        reused_tokens: how many of them were not computed again.
        end: LENGTH when the budget was spent, else END.
    """

    prompt_tokens: int
    reused_tokens: int
    end: StopReason


class CompletionModel(Protocol):
    """A model that fills in the middle. Thread-safe; computes one request at a time, the newest waiting one first."""

    @property
    def entry(self) -> ModelEntry:
        """The catalog entry this model was made from."""
        ...

    def count_tokens(self, text: str) -> int:
        """Number of this model's tokens in `text`."""
        ...

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request` greedily; with `alternatives` > 1 also the next most likely first tokens, best first.

        Args:
            request: what to complete.
            stop: called with all the text so far after each token; returns None to go on, or the number of characters
                to keep to stop there. Not called for further alternatives until they are decoded as a whole; there it
                cuts afterwards.
            cancelled: asked before work begins and at each token; true ends the work at the next token.
            alternatives: how many different continuations to return at most.

        Raises:
            models.errors.ModelError: the model is broken or gone; its sentence says what to do.
        """
        ...

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Log-probabilities of each of `continuations` as the middle of `request`, in one batch, in the given order.

        Raises:
            models.errors.ModelError: as for `generate`.
        """
        ...

    def close(self) -> None:
        """Free the weights. Safe to call twice and while another thread computes."""
        ...


class StreamingModel(CompletionModel, Protocol):
    """A model whose tokens can be had one by one: what the model host serves."""

    def stream(
        self,
        request: FillRequest,
        *,
        on_token: Callable[[str, float], bool],
        cancelled: Callable[[], bool],
        openings: Openings,
    ) -> Decoded | None:
        """Decode greedily; None when it was given up.

        Args:
            request: what to complete.
            on_token: called with all the text so far, and the token's log-probability; true stops there.
            cancelled: asked before work begins and at each token.
            openings: which token comes first.

        Raises:
            models.errors.ModelError: as for `generate`.
        """
        ...
