"""The hint at the first start that this machine may be fast enough for a larger model. Start at `show_hint_once`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.state import paths
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.assembly.settings import Settings

HINT_SHOWN_FILE = "told-of-recommend"
HINT = "To see which models answer in time on this machine, run in a terminal: starling models recommend"


def show_hint_once(settings: Settings, show: Callable[[str], None]) -> None:
    """Show the hint if it was never shown, the settings allow it and name no model, and this machine was not measured.

    Records on the disk that it was shown.

    Call it in a thread.

    Args:
        settings: the settings in force.
        show: shows a sentence to the person; called from this thread.
    """
    model = settings.model
    if model.hint and model.enabled and not model.name and model.host in {"auto", "always", "off"} and _claim_hint():
        show(HINT)


def _claim_hint() -> bool:
    """Return whether the hint may be shown: it was not shown before, and this machine was not measured.

    If so, create the file that says that the hint was shown; of several servers only one gets True. False if that file
    cannot be created.
    """
    state = paths.state_dir()
    if paths.explain_missing_home() or (state / HINT_SHOWN_FILE).exists():
        return False
    from models.local.machine import FILE  # noqa: PLC0415 (for the first start alone)

    if (state / FILE).exists():
        return False
    try:
        make_folder(state)
        open_private(state / HINT_SHOWN_FILE, "xb").close()
    except OSError:  # shown before, or just now by another server, or the file cannot be created
        return False
    return True
