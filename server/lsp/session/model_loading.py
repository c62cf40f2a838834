"""Loading of a session's model in the background, with a progress bar and a warning if it fails.

No completion waits for it. Start at `ModelLoading.begin`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from server.lsp.editor import progress
from server.lsp.editor.progress import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from models.local.lazy_model import LazyModel
    from server.assembly.core import Core
    from server.lsp.editor.client import Client
    from server.lsp.wire.guard import Guard

logger = logging.getLogger(__name__)

TITLE = "Loading"  # followed by the model's name
SOON_S = 0.3  # a model that loads faster, such as one in the model host's memory, gets no progress bar


class ModelLoading:
    """Loads the model of each new core once."""

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
            server: the connection to the client, which shows the progress bar.
            guard: runs the loading in the background.
            client: returns the client's capabilities.
            tell: shows the person what happens to the model later; called from any thread.
            warn: shows the person why the model cannot be loaded or does not run as configured.
        """
        self._server = server
        self._guard = guard
        self._client = client
        self._tell = tell
        self._warn = warn
        self._model: LazyModel | None = None
        self._bar: asyncio.Future[None] | None = None

    def begin(self, core: Core) -> None:
        """Start to load the models of `core` in the background; do nothing without a model or for the same model."""
        model = core.model
        if model is None or model is self._model:
            return
        self._model = model
        model.set_listener(self._tell)
        if core.quick is not None:
            core.quick.warm()
        self._guard.run_in_background("model", self._load(model, core.quick), otherwise=lambda: None)

    def close(self) -> None:
        """Stop updating the bar; the client removes it when the connection ends."""
        if self._bar is not None:
            self._bar.cancel()

    async def _load(self, model: LazyModel, quick: LazyModel | None) -> None:
        """Load `model`, with a progress bar if `quick` answers meanwhile; log the result and warn of a problem."""
        begun = time.monotonic()
        model.warm()
        loading = asyncio.get_running_loop().run_in_executor(None, model.wait)
        if quick is not None and self._client().progress:
            shown = self._show_progress(model, quick, loading)
            self._bar = self._guard.run_in_background("progress", shown, otherwise=lambda: None)
        await loading
        _log_result(model, time.monotonic() - begun)
        if model.problem:
            self._warn(model.problem)

    async def _show_progress(self, model: LazyModel, quick: LazyModel, loading: asyncio.Future[bool]) -> None:
        """Show the progress of the large `model` in a bar, and that `quick` answers until the large one is loaded."""
        await asyncio.wait((loading,), timeout=SOON_S)
        if loading.done():
            return

        def make_step() -> Step | None:
            """Return the current step of the bar; None once the model is loaded or has failed to load."""
            percentage = model.loading_percent
            if model.is_settled:  # checked after the percentage, for a ready model has none
                return None
            message = f"{quick.entry.name} answers until then"
            return Step(message if percentage is not None else f"for the first time here; {message}", percentage)

        def describe_end() -> str:
            """Return the last message of the bar."""
            return "ready" if model.state == "ready" else "not loaded"

        await progress.show(self._server, f"{TITLE} {model.entry.name}", make_step, describe_end)


def _log_result(model: LazyModel, seconds: float) -> None:
    """Log whether the model was loaded, with its device and the time it took."""
    loaded = model.model
    traits = {name: getattr(loaded, name) for name in ("device", "compute_type", "threads") if hasattr(loaded, name)}
    fields = {"model": model.entry.name, **traits, "seconds": round(seconds, 3)}
    if loaded is not None:
        logger.info("model loaded", extra=fields)
    else:
        logger.info("model not loaded", extra={**fields, "why": model.problem or model.state})
