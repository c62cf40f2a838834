"""The likelihood layer as the reviewer asks for it: functions one by one, with whatever completion model there is.

Never fails with the model: without an answer nothing is found. Start at `LikelihoodExaminer`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer.likelihood import calibration
from agents.reviewer.likelihood.likelihood import review_likelihood
from indexing.syntax.syntax import Syntax
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.findings import Finding
    from agents.reviewer.layers import Unit
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel

_LOG = logging.getLogger(__name__)


class LikelihoodExaminer:
    """Implements `agents.reviewer.layers.Examiner`. Thread-safe, as the model is."""

    layer = Layer.LIKELIHOOD

    def __init__(self, model: CompletionModel, *, always: bool = False) -> None:
        """`always` looks with a model that was measured but is not precise too: a person wants to see more."""
        self._model = model
        known = calibration.of_model(model.entry.name)
        self._calibration = known if known is not None and (known.precise or always) else None
        if always and self.problem:
            _LOG.warning(self.problem)

    @property
    def identity(self) -> str:
        """The model and what its scores mean."""
        return f"{self._model.entry.name} {self._calibration}"

    @property
    def problem(self) -> str:
        """Why nothing is found, "" when something may be."""
        if self._calibration is not None:
            return ""
        name = self._model.entry.name
        if calibration.of_model(name) is None:
            return f"How well the model {name} tells slips from sound code was never measured, so it looks for none."
        return f"The model {name} raises too many false alarms, so it looks for no slips."

    def examine(
        self,
        document: Document,
        units: Sequence[Unit],
        cancelled: Callable[[], bool],
        *,
        whole: bool = True,  # noqa: ARG002 (it costs nothing but time: always all of it)
    ) -> Iterator[tuple[Unit, tuple[Finding, ...]]]:
        """Slips in each of `units`, as they are found."""
        known = self._calibration
        if known is None:
            return
        syntax = Syntax.of(document)
        for unit in units:
            try:
                found = review_likelihood(
                    document, syntax, self._model, [unit.span], cancelled=cancelled, calibration=known
                )
            except ModelError as error:
                _LOG.warning("The likelihood layer found nothing: %s", error)
                return
            if cancelled():
                return
            yield unit, found
