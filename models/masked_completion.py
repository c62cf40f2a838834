"""A completion model elsewhere that is never told a secret: marks go out, secrets come back (`models.masking`).

Start at `MaskedModel`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.completion import Generation, StopReason
from models.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import CompletionModel, FillRequest, Score
    from models.masking import Find

_TOKEN_CHARACTERS = 16  # the longest tokens, of white space; what lies beyond the window is not sent at all


class MaskedModel:
    """Implements `models.completion.CompletionModel` around one that computes elsewhere. Thread-safe."""

    def __init__(self, inner: CompletionModel, find: Find) -> None:
        self.inner = inner
        self._find = find

    @property
    def entry(self) -> ModelEntry:
        """Return the catalog entry of the inner model."""
        return self.inner.entry

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what went differently than configured, a sentence each."""
        return tuple(getattr(self.inner, "problems", ()))

    def count_tokens(self, text: str) -> int:
        """Return the number of the inner model's tokens in `text`."""
        return self.inner.count_tokens(text)

    def generate(
        self,
        request: FillRequest,
        *,
        stop: Callable[[str], int | None],
        cancelled: Callable[[], bool],
        alternatives: int = 1,
    ) -> tuple[Generation, ...]:
        """Complete `request` without its secrets; what comes back with a damaged mark is left out."""
        request, mask = self._masked(request)
        found = self.inner.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        if not mask:
            return found
        revealed = (replace(one, text=mask.reveal(one.text)) for one in found)
        usable = tuple(one for one in revealed if not mask.is_left_in(one.text))
        return usable or (Generation("", (), StopReason.STOPPED),)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Judge `continuations` without the secrets of `request`; those that hold one themselves are not judged."""
        request, mask = self._masked(request)
        if any(mask.hide(one) != one or self._find(one) for one in continuations):
            return ()
        return self.inner.score(request, continuations, cancelled=cancelled)

    def close(self) -> None:
        """Close the inner model."""
        self.inner.close()

    def _masked(self, request: FillRequest) -> tuple[FillRequest, Mask]:
        window = self.entry.context_tokens * _TOKEN_CHARACTERS
        prefix, suffix = request.prefix[-window:], request.suffix[:window]
        texts = (prefix + suffix, *(one.text for one in request.snippets))

        def find(text: str) -> Sequence[tuple[int, int]]:
            """Find secrets; split a secret that contains the cursor in two."""
            if text == prefix:
                return _cut(self._find(prefix + suffix), 0, len(prefix))
            if text == suffix:
                return _cut(self._find(prefix + suffix), len(prefix), len(prefix) + len(suffix))
            return self._find(text)

        mask = Mask((prefix, suffix, *texts[1:]), find)
        if not mask:
            return replace(request, prefix=prefix, suffix=suffix), mask
        snippets = tuple(replace(one, text=mask.hide(one.text)) for one in request.snippets)
        return replace(request, prefix=mask.hide(prefix), suffix=mask.hide(suffix), snippets=snippets), mask


def _cut(spans: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return what of `spans` lies in [start, end), counted from its start."""
    inside = ((max(one, start) - start, min(other, end) - start) for one, other in spans)
    return [(one, other) for one, other in inside if one < other]
