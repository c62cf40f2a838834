"""What a person is told once, at the first start: that this machine may be quick enough for a larger model.

Start at `tell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server import paths
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.settings import Settings

TOLD_FILE = "told-of-recommend"
HINT = "Which models answer in time on this machine? In a terminal: starling models recommend"


def tell(settings: Settings, show: Callable[[str], None]) -> None:
    """Show the hint if nobody was ever shown it, and no other model was chosen. For a thread: it waits for a disk."""
    model = settings.model
    if model.hint and model.enabled and not model.name and model.host in {"auto", "always", "off"} and _is_first():
        show(HINT)


def _is_first() -> bool:
    """Whether nobody was told, and nobody measured the machine; from now on somebody was."""
    from models.machine import FILE  # noqa: PLC0415 (for the first start alone)

    state = paths.state_dir()
    if paths.homeless() or (state / FILE).exists():
        return False
    try:
        make_folder(state)
        open_private(state / TOLD_FILE, "xb").close()
    except OSError:  # told before, or at the same time by another server, or nothing can be noted down
        return False
    return True
