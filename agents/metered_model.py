"""A completion model that counts the tokens read and written by the model that it wraps. Start at `MeteredModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Generation, Score


class MeteredModel:
    """A `models.completion.CompletionModel` around another one, for a single thread; does not own that model."""

    def __init__(self, model: CompletionModel) -> None:
        self._model = model
        self._tokens = 0

    @property
    def entry(self) -> ModelEntry:
        """The catalog entry of the wrapped model."""
        return self._model.entry

    def take_tokens(self) -> int:
        """Return the tokens counted since the last call, and start again at 0."""
        tokens, self._tokens = self._tokens, 0
        return tokens

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`, without counting them as used."""
        return self._model.count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Return the wrapped model's generations; counts the tokens of prompts and generations."""
        found = self._model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        self._tokens += sum(one.prompt_tokens + len(one.log_probs) for one in found)
        return found

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Return the wrapped model's scores; counts the tokens of the continuations."""
        found = self._model.score(request, continuations, cancelled=cancelled)
        self._tokens += sum(len(one.log_probs) for one in found)
        return found

    def close(self) -> None:
        """Do nothing: the owner closes the wrapped model."""
