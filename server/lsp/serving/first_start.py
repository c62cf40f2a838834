"""What a person is told once, at the first start: that this machine may be quick enough for a larger model.

Start at `tell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.state import paths
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.assembly.settings import Settings

TOLD_FILE = "told-of-recommend"
HINT = "To see which models answer in time on this machine, run in a terminal: starling models recommend"


def tell(settings: Settings, show: Callable[[str], None]) -> None:
    """Show the hint if it was never shown and no other model was chosen. Call it in a thread: it uses the disk."""
    model = settings.model
    if model.hint and model.enabled and not model.name and model.host in {"auto", "always", "off"} and _claim_first():
        show(HINT)


def _claim_first() -> bool:
    """Whether no hint was shown and the machine was not measured yet; notes that a hint is shown now."""
    state = paths.state_dir()
    if paths.homeless() or (state / TOLD_FILE).exists():
        return False
    from models.local.machine import FILE  # noqa: PLC0415 (for the first start alone)

    if (state / FILE).exists():
        return False
    try:
        make_folder(state)
        open_private(state / TOLD_FILE, "xb").close()
    except OSError:  # told before, or at the same time by another server, or nothing can be noted down
        return False
    return True
