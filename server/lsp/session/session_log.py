"""Log entries of a session about its index and its settings. Start at `log_settings`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.assembly.core import Core

logger = logging.getLogger(__name__)


def log_indexed(core: Core, seconds: float, level: int) -> None:
    """Log that indexing has ended, with the number of files. Call it in a thread: the index counts them."""
    if logger.isEnabledFor(level):
        status = core.index.read_status()
        fields = {"files": status.files, "seconds": round(seconds, 3), "state": status.state}
        logger.log(level, "index finished", extra=fields)


def log_settings(core: Core, old: Core | None) -> None:
    """Log the names of the settings that have changed, not the values, which may be private."""
    if old is None or core.settings == old.settings:
        return
    before, now = (one.settings.model_dump() for one in (old, core))
    changed = [
        f"{section}.{name}"
        for section, values in now.items()
        for name, value in values.items()
        if before[section][name] != value
    ]
    logger.info("settings changed", extra={"changed": ", ".join(changed)})
