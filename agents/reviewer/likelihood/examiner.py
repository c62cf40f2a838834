"""The likelihood layer as an `Examiner`: scores functions with the completion model that is installed.

If the model fails, there are no findings. Start at `LikelihoodExaminer`.
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
    """Implementation of `agents.reviewer.layers.Examiner`. Thread-safe if the model is."""

    layer = Layer.LIKELIHOOD

    def __init__(self, model: CompletionModel, *, always: bool = False) -> None:
        """Create an examiner that scores with `model`.

        `always` uses a model that was measured even if its findings are not precise.
        """
        self._model = model
        known = calibration.load_calibration(model.entry.name, model.entry.parameters)
        self._calibration = known if known is not None and (known.precise or always) else None
        if always and self.problem:
            _LOG.warning(self.problem)

    @property
    def identity(self) -> str:
        """Name and calibration of the model."""
        return f"{self._model.entry.name} {self._calibration}"

    @property
    def problem(self) -> str:
        """One sentence why there are no findings, "" if there may be some."""
        if self._calibration is not None:
            return ""
        name = self._model.entry.name
        if calibration.load_calibration(name, self._model.entry.parameters) is None:
            return f"The model {name} was not calibrated for finding slips, so this layer is off. Use a model that was."
        return f"The model {name} gives too many false alarms, so this layer is off."

    def examine(
        self,
        document: Document,
        units: Sequence[Unit],
        cancelled: Callable[[], bool],
        *,
        whole: bool = True,  # noqa: ARG002 (costs only time, so it always examines all)
    ) -> Iterator[tuple[Unit, tuple[Finding, ...]]]:
        """Yield each unit with its findings; ends early if `cancelled` or if the model fails.

        Yields nothing if `problem` says that the layer is off. Examines all units whatever `whole` is.
        """
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
