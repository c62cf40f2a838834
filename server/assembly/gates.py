"""The gate of programs that are no editor. Start at `make_disk_gate`.

Users import this module only when they need a gate, because it imports SQLite and the index's syntax.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from server.assembly.databases.choice import open_state
from server.gate.disk.disk import DiskWorkplace
from server.gate.gate import LIMITS, Gate
from server.gate.places import Places, make_exclusion
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits
    from server.gate.ports import Asker, Workplace
    from server.state.database import State

__all__ = ["make_disk_gate", "open_state"]


def make_disk_gate(  # noqa: PLR0913 (its ports)
    roots: Sequence[Path],
    asker: Asker,
    limits: IndexLimits,
    *,
    client: str = "starling",
    surround: Callable[[Workplace], Workplace] = lambda disk: disk,
    answer_s: float = LIMITS.answer_s,
    state: State | None = None,
) -> Gate:
    """Return a gate that writes to the disk, for programs that are no editor.

    Closing it closes its own state database.

    Args:
        roots: the folders in which files may be changed.
        asker: asks the person.
        limits: the limits of the index, whose exclusions apply.
        client: name of the program, for the record.
        surround: returns the workplace to use, given the disk.
        answer_s: longest wait for an answer, in seconds.
        state: the state database, which stays open; None for one of the gate's own.
    """
    excluded = make_exclusion(roots, limits)
    workplace = surround(DiskWorkplace(lambda: roots))
    records = GateRecords(open_state() if state is None else state)
    waits = replace(LIMITS, answer_s=answer_s)
    places = Places(roots, excluded)
    return Gate(records, lambda: places, asker, workplace, client=client, limits=waits, owns_records=state is None)
