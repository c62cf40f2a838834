"""The gate of the command line, and the state database behind every gate. Start at `make_disk_gate`.

Imported by its users when they first need a gate: it brings SQLite and the index's syntax along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.gate.disk.disk import DiskWorkplace
from server.gate.gate import Gate
from server.gate.places import Places, make_exclusion
from server.state import paths
from server.state.database import FILE, State
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits
    from server.gate.ports import Asker


def make_disk_gate(roots: Sequence[Path], asker: Asker, limits: IndexLimits, *, client: str = "starling") -> Gate:
    """Return a gate that writes directly to disk, for the command line; `limits` hold the excluded patterns."""
    excluded = make_exclusion(roots, limits)
    workplace = DiskWorkplace(lambda: roots)
    records = GateRecords(open_state())
    return Gate(records, lambda: Places(roots, excluded), asker, workplace, client=client, owns_records=True)


def open_state(tell: Callable[[str], None] = lambda _: None) -> State:
    """Open the user's state database. There is no in-memory fallback, because records must survive a restart."""
    return State(paths.state_dir() / FILE, tell)
