"""Kept proposals: every kind of change comes back as it was, and old ones make room."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from server.state import kept_proposals
from server.state.kept_proposals import KeptProposals
from tests.states import make_state

if TYPE_CHECKING:
    import pytest

    from server.state.database import State

HERE = Path(__file__)


def keep(state: State, request: str, proposal: ProposedEdit) -> KeptProposals:
    """Store a proposal; return the table."""
    kept = KeptProposals(state)
    with state.transaction() as connection:
        kept.store(connection, request, proposal)
    return kept


def test_every_kind_of_change_comes_back_as_it_was() -> None:
    changes = (
        TextChange(HERE.as_uri(), HERE, "x = 1\r\n𝜋 \ud800", (Edit(4, 5, "2"), Edit(7, 8, "")), "utf-16"),
        TextChange("untitled:1", None, "", (Edit(0, 0, "y"),)),
        CreateFile(HERE.with_name("new.sh"), "#!/bin/sh\n", executable=True),
        RenameFile(HERE, HERE.with_name("moved.py")),
        DeleteFile(HERE.with_name("old.py"), "gone\n"),
    )
    proposal = ProposedEdit("Do it", "Because.", "coder", changes, "a model", automatic=True, notes=("3 passed",))
    state = make_state(None)
    assert keep(state, "r", proposal).find("r") == proposal
    state.close()


def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    state = make_state(None)
    proposal = ProposedEdit("Do it", "Because.", "coder", (RenameFile(HERE, HERE.with_name("moved.py")),))
    monkeypatch.setattr(kept_proposals, "MOST_BYTES", 2 * len(kept_proposals._pack(proposal)))
    for request in ("one", "two", "three"):
        kept = keep(state, request, proposal)
    assert [kept.find(request) is None for request in ("one", "two", "three")] == [True, False, False]
    monkeypatch.setattr(kept_proposals, "MOST_BYTES", 10)
    assert keep(state, "large", proposal).find("large") is None
    state.close()
