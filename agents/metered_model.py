"""A completion model that counts the tokens it reads and writes, around one that computes. Start at `Metered`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Generation, Score


class Metered:
    """Implements `models.completion.CompletionModel` for one thread's work; closing the model is its owner's."""

    def __init__(self, model: CompletionModel) -> None:
        self._model = model
        self._tokens = 0

    @property
    def entry(self) -> ModelEntry:
        """Of the model."""
        return self._model.entry

    def taken(self) -> int:
        """Tokens since the last call of this."""
        tokens, self._tokens = self._tokens, 0
        return tokens

    def count_tokens(self, text: str) -> int:
        """Number of the model's tokens in `text`; not counted as used."""
        return self._model.count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """As the model's, counted."""
        found = self._model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        self._tokens += sum(one.prompt_tokens + len(one.log_probs) for one in found)
        return found

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """As the model's, counted."""
        found = self._model.score(request, continuations, cancelled=cancelled)
        self._tokens += sum(len(one.log_probs) for one in found)
        return found

    def close(self) -> None:
        """Nothing: it is not ours."""
