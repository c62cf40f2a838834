"""The chat model's layer as an `Examiner`: reviews functions that changed since their document was first seen.

Opening a file sends nothing: its functions are recorded, and later changes are found by comparison. If the model fails,
there are no findings and `problem` says why. Start at `ModelExaminer`.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from agents import prompting
from agents.findings import Layer
from agents.reviewer.chat_review.model_review import PROMPTS, review_by_model
from models.chat import ChatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.findings import Finding
    from agents.reviewer.layers import Unit
    from indexing.index import Index
    from indexing.syntax.documents import Document
    from models.chat import ChatModel

logger = logging.getLogger(__name__)

MOST_UNITS = 8  # in one review, because each costs at least two requests; the others follow in the next review
_MOST_DOCUMENTS = 512


class ModelExaminer:
    """Implementation of `agents.reviewer.layers.Examiner`. Thread-safe if the model is."""

    layer = Layer.MODEL

    def __init__(self, chat: ChatModel, index: Index, *, small: bool = False) -> None:
        """Create an examiner that asks `chat`, with plain questions if it is `small`.

        `index` finds callers and callees and excludes files.
        """
        self._small = small
        self._chat = chat
        self._index = index
        self._lock = threading.Lock()
        # by URI, the digests of the functions when first seen
        self._first_seen: OrderedDict[str, frozenset[bytes]] = OrderedDict()
        self.problem = ""

    @property
    def identity(self) -> str:
        """Name of the model, its kind of questions and digest of the prompts."""
        return f"{self._chat.name} {'plain ' if self._small else ''}{prompting.compute_digest(*PROMPTS)}"

    def examine(
        self, document: Document, units: Sequence[Unit], cancelled: Callable[[], bool], *, whole: bool = True
    ) -> Iterator[tuple[Unit, tuple[Finding, ...]]]:
        """Ask the model about `units`, and yield each reviewed unit with its findings.

        With `whole`, reviews all; otherwise at most `MOST_UNITS` that changed since the document was first seen, and
        only in a file of the workspace. The units of a file that models may not see, and units too long for the model,
        are not sent and have no findings. Ends early if `cancelled`, or if the model fails, which sets `problem`.
        """
        if not whole and not self._index.is_shared(document):
            return  # the workspace does not share this file with models
        known = self._get_or_record_first_seen(document, units)
        changed = [unit for unit in units if whole or unit.digest not in known]
        for unit in changed[: None if whole else MOST_UNITS]:
            try:
                found = review_by_model(document, [unit.span], self._chat, self._index, cancelled, small=self._small)
            except ChatError as error:
                self.problem = str(error)
                logger.warning("The model review found nothing: %s", error)
                return
            if cancelled():
                return
            self.problem = ""
            yield unit, found

    def _get_or_record_first_seen(self, document: Document, units: Sequence[Unit]) -> frozenset[bytes]:
        """Return the digests that the document's functions had when it was first seen; record `units` if it is new."""
        with self._lock:
            known = self._first_seen.setdefault(document.uri, frozenset(unit.digest for unit in units))
            self._first_seen.move_to_end(document.uri)
            while len(self._first_seen) > _MOST_DOCUMENTS:
                self._first_seen.popitem(last=False)
            return known
