"""Loading the model of a session ahead of the first request: shown while it lasts, logged, and told where it fails.

Nobody who types waits for any of it. Start at `ModelLoading.begin`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from server import progress
from server.progress import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from models.lazy import LazyModel
    from server.client import Client
    from server.core import Core
    from server.guard import Guard

logger = logging.getLogger(__name__)

TITLE = "Loading"  # and the model's name
SOON_S = 0.3  # what is loaded by then, as a model that the host has in memory, gets no bar


class ModelLoading:
    """Loads the model of each core once."""

    def __init__(
        self,
        server: LanguageServer,
        guard: Guard,
        client: Callable[[], Client],
        *,
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare to load.

        Args:
            server: whose client shows the bar.
            guard: runs what nobody waits for.
            client: the client's traits.
            tell: shows a person what happens to the model later on, from any thread.
            warn: tells a person why it cannot be loaded, or computes otherwise than was wanted.
        """
        self._server = server
        self._guard = guard
        self._client = client
        self._tell = tell
        self._warn = warn
        self._model: LazyModel | None = None
        self._bar: asyncio.Future[None] | None = None

    def begin(self, core: Core) -> None:
        """Load the models of `core`, unless that was begun before."""
        model = core.model
        if model is None or model is self._model:
            return
        self._model = model
        model.listen(self._tell)
        if core.quick is not None:
            core.quick.warm()
        self._guard.background("model", self._load(model, core.quick), otherwise=lambda: None)

    def close(self) -> None:
        """Stop showing; the client drops its bar with the connection."""
        if self._bar is not None:
            self._bar.cancel()

    async def _load(self, model: LazyModel, quick: LazyModel | None) -> None:
        begun = time.monotonic()
        model.warm()
        loading = asyncio.get_running_loop().run_in_executor(None, model.wait)
        if quick is not None and self._client().progress:
            shown = self._show(model, quick, loading)
            self._bar = self._guard.background("progress", shown, otherwise=lambda: None)
        await loading
        _log(model, time.monotonic() - begun)
        if model.problem:
            self._warn(model.problem)

    async def _show(self, model: LazyModel, quick: LazyModel, loading: asyncio.Future[bool]) -> None:
        """Show how far the large `model` is, and that `quick` answers until then."""
        await asyncio.wait((loading,), timeout=SOON_S)
        if loading.done():
            return

        def newest() -> Step | None:
            percentage = model.loading_percent
            if model.ready:  # seen after the percentage, which is unknown from then on
                return None
            message = f"{quick.entry.name} answers until then"
            return Step(message if percentage is not None else f"for the first time here; {message}", percentage)

        def last() -> str:
            return "ready" if model.state == "ready" else "not loaded"

        await progress.show(self._server, f"{TITLE} {model.entry.name}", newest, last)


def _log(model: LazyModel, seconds: float) -> None:
    loaded = model.model
    traits = {name: getattr(loaded, name) for name in ("device", "compute_type", "threads") if hasattr(loaded, name)}
    fields = {"model": model.entry.name, **traits, "seconds": round(seconds, 3)}
    if loaded is not None:
        logger.info("model loaded", extra=fields)
    else:
        logger.info("model not loaded", extra={**fields, "why": model.problem or model.state})
