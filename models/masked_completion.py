"""A completion model on another machine that never receives secrets: they are replaced by marks on the way out.

Marks in the answer become the secrets again (`models.masking`). Start at `MaskedModel`.
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
    from models.masking import FindSecrets
    from models.remote.exchange import HostStatus

_TOKEN_CHARACTERS = 16  # of the longest tokens (white space): text that cannot fit the window is not sent


class MaskedModel:
    """A `models.completion.CompletionModel` that masks the requests to an inner one. Thread-safe."""

    def __init__(self, inner: CompletionModel, find: FindSecrets) -> None:
        self.inner = inner
        self._find = find

    @property
    def entry(self) -> ModelEntry:
        """Catalog entry of the inner model."""
        return self.inner.entry

    @property
    def problems(self) -> tuple[str, ...]:
        """The inner model's deviations from the configuration, one sentence each."""
        return tuple(getattr(self.inner, "problems", ()))

    def list_hosts(self) -> tuple[HostStatus, ...]:
        """Return the state of each address of the inner model's server, if it has several; else ()."""
        return tuple(getattr(self.inner, "list_hosts", tuple)())

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
        """Complete `request` with its secrets masked; reveal them in the answers.

        Answers with a damaged mark are dropped; if none is left, one empty generation is returned. `stop` gets text
        with marks.
        """
        request, mask = self._mask_request(request)
        found = self.inner.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)
        if not mask:
            return found
        revealed = (replace(one, text=mask.reveal(one.text)) for one in found)
        usable = tuple(one for one in revealed if not mask.has_damaged_mark(one.text))
        return usable or (Generation("", (), StopReason.STOPPED),)

    def score(
        self, request: FillRequest, continuations: Sequence[str], *, cancelled: Callable[[], bool]
    ) -> tuple[Score, ...]:
        """Score `continuations` with the secrets of `request` masked; return () if a continuation contains a secret."""
        request, mask = self._mask_request(request)
        if any(mask.hide(one) != one or self._find(one) for one in continuations):
            return ()
        return self.inner.score(request, continuations, cancelled=cancelled)

    def close(self) -> None:
        """Close the inner model."""
        self.inner.close()

    def _mask_request(self, request: FillRequest) -> tuple[FillRequest, Mask]:
        """Return `request`, cut to the window and with its secrets masked, and the mask that can reveal them."""
        window = self.entry.context_tokens * _TOKEN_CHARACTERS
        prefix, suffix = request.prefix[-window:], request.suffix[:window]
        texts = (prefix + suffix, *(one.text for one in request.snippets))

        def find(text: str) -> Sequence[tuple[int, int]]:
            """Return the spans of secrets in `text`; one around the cursor is split between prefix and suffix."""
            if text == prefix:
                return _clip_spans(self._find(prefix + suffix), 0, len(prefix))
            if text == suffix:
                return _clip_spans(self._find(prefix + suffix), len(prefix), len(prefix) + len(suffix))
            return self._find(text)

        mask = Mask((prefix, suffix, *texts[1:]), find)
        if not mask:
            return replace(request, prefix=prefix, suffix=suffix), mask
        snippets = tuple(replace(one, text=mask.hide(one.text)) for one in request.snippets)
        return replace(request, prefix=mask.hide(prefix), suffix=mask.hide(suffix), snippets=snippets), mask


def _clip_spans(spans: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of `spans` that lie in [start, end), as offsets from `start`."""
    inside = ((max(one, start) - start, min(other, end) - start) for one, other in spans)
    return [(one, other) for one, other in inside if one < other]
