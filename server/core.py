"""What a session computes with, built from the settings: index, model, generator.

Everything heavy is imported here, inside functions, in a background thread, after `initialize` was answered. A part that
cannot be built is left out and named in `Core.problems`; the others work. Start at `build`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.generator.generator import Generator
    from agents.generator.policy import CompletionPolicy
    from indexing.index import Index
    from indexing.limits import IndexLimits
    from indexing.records import IndexProgress
    from models.lazy import LazyModel
    from server.cancellation import Ticket
    from server.settings import Settings

logger = logging.getLogger(__name__)

Builder = Callable[["Sequence[Path]", object, "Core | None"], "Core"]
"""(roots, what the editor has set, the core so far) -> the core to use; blocking."""


@dataclass(frozen=True, slots=True)
class Core:
    """The parts in force.

    Attributes:
        settings: the settings they were made from.
        index: the index; it works on open documents alone where the settings turn it off.
        generator: suggests.
        model: the model behind the generator, None for none.
        problems: what is wrong with settings and model, a sentence each.
    """

    settings: Settings
    index: Index
    generator: Generator
    model: LazyModel | None
    problems: tuple[str, ...] = ()

    def start(self, on_progress: Callable[[IndexProgress], None] | None) -> None:
        """Begin to index, if the settings want it."""
        if self.settings.index.enabled:
            self.index.start(on_progress)

    def close(self) -> None:
        """End the index process and free the model; safe twice."""
        self.generator.set_model(None)
        if self.model is not None:
            self.model.close()
        self.index.close()

    def close_but(self, kept: Core) -> None:
        """End what `kept`, which takes this one's place, has not taken over."""
        if self.model is not None and self.model is not kept.model:
            self.model.close()
        if self.index is not kept.index:
            self.index.close()


class Cores:
    """Where requests find the core once it is there; on the event loop."""

    def __init__(self) -> None:
        self.current: Core | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._ended = False

    async def ready(self, timeout_s: float, ticket: Ticket | None = None) -> Core | None:
        """The core, waited for no longer than that or until the ticket is called in; None if it did not come."""
        if self.current is None and not self._ended:
            arrival = asyncio.get_running_loop().create_future()
            self._waiting.append(arrival)
            if ticket is None:
                await asyncio.wait((arrival,), timeout=timeout_s)
            else:
                await ticket.either(arrival, timeout_s)
        return self.current

    def set(self, core: Core) -> None:
        """From now on this one."""
        self.current = core
        self._release()

    def give_up(self) -> None:
        """None will come: whoever waits is answered with what there is."""
        self._ended = True
        self._release()

    def end(self) -> Core | None:
        """No core any more; returns the last."""
        core, self.current = self.current, None
        self.give_up()
        return core

    def _release(self) -> None:
        for arrival in self._waiting:
            if not arrival.done():
                arrival.set_result(None)
        self._waiting.clear()


def build(roots: Sequence[Path], options: object, old: Core | None) -> Core:
    """The core that the settings of all layers ask for; parts of `old` that still fit are taken over.

    Blocking: imports libraries, reads settings and the model catalog. Loads no weights and indexes nothing.
    """
    from server import settings as layers  # noqa: PLC0415 (pydantic costs 200 ms, paid after `initialize`)

    settings, wrong = layers.resolve(editor=options, roots=roots)
    problems = [str(problem) for problem in wrong]
    index = old.index if old is not None and old.settings.index == settings.index else _index(roots, settings)
    if old is not None and old.settings.model == settings.model:
        model, generator = old.model, old.generator if old.index is index else None
    else:
        model, generator = _model(settings, problems), None
    if generator is None:
        generator = _generator(index, model, settings)
    else:
        generator.set_policy(_policy(settings))
    return Core(settings, index, generator, model, tuple(problems))
