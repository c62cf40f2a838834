"""The model review as the reviewer asks for it: only functions that changed since their document was first seen.

A file that is opened costs nothing: what stands in it then is what later changes are told from. Never fails with the
model: without an answer nothing is found. Start at `ModelExaminer`.
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

MOST_UNITS = 8  # of one look: each costs two questions and more; the others are looked at next time
_DOCUMENTS = 512


class ModelExaminer:
    """Implements `agents.reviewer.layers.Examiner`. Thread-safe, as the model is."""

    layer = Layer.MODEL

    def __init__(self, chat: ChatModel, index: Index) -> None:
        self._chat = chat
        self._index = index
        self._lock = threading.Lock()
        self._first: OrderedDict[str, frozenset[bytes]] = OrderedDict()  # by document: its functions when first seen
        self.problem = ""

    @property
    def identity(self) -> str:
        """The model and what it is asked."""
        return f"{self._chat.name} {prompting.compute_digest(*PROMPTS)}"

    def examine(
        self, document: Document, units: Sequence[Unit], cancelled: Callable[[], bool], *, whole: bool = True
    ) -> Iterator[tuple[Unit, tuple[Finding, ...]]]:
        """What the model finds in those of `units` that changed, or in the `whole` of them, as it comes."""
        if not whole and not self._index.is_shared(document):
            return  # nobody has asked about it
        known = self._known(document, units)
        changed = [unit for unit in units if whole or unit.digest not in known]
        for unit in changed[: None if whole else MOST_UNITS]:
            try:
                found = review_by_model(document, [unit.span], self._chat, self._index, cancelled)
            except ChatError as error:
                self.problem = str(error)
                logger.warning("The model review found nothing: %s", error)
                return
            if cancelled():
                return
            self.problem = ""
            yield unit, found

    def _known(self, document: Document, units: Sequence[Unit]) -> frozenset[bytes]:
        with self._lock:
            known = self._first.setdefault(document.uri, frozenset(unit.digest for unit in units))
            self._first.move_to_end(document.uri)
            while len(self._first) > _DOCUMENTS:
                self._first.popitem(last=False)
            return known
