"""The checks of `starling doctor` for parts that do not work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from server.assembly import checks, command_checks

if TYPE_CHECKING:
    import pytest


def test_an_index_that_is_late_is_not_said_to_have_lost_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "INDEX_S", 0.0)
    (check,) = checks._check_index()
    assert check.state == "error"
    assert check.message.startswith("A file was not indexed within 0 s")
    assert "again when other programs rest" in check.remedy


def test_the_doctor_says_how_commands_are_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    confined = Isolation("x", confines_writes=True, hides_secrets=True, blocks_network=True, protects_repository=True)
    for isolation, problems, remedy, expected in (
        (confined, (), "", ("ok", "Commands of agents are confined by x: writes, secrets and the network.", "")),
        (Isolation(), ("It is missing.",), "Install it.", ("warning", "Nothing confines commands", "It is missing.")),
    ):
        mechanism = SimpleNamespace(describe=lambda _, isolation=isolation: isolation)
        choice = SimpleNamespace(mechanism=mechanism, problems=problems, remedy=remedy)
        monkeypatch.setattr(command_checks, "choose_mechanism", lambda choice=choice: choice)
        (check,) = checks._check_commands()
        assert check.state == expected[0]
        assert check.message.startswith(expected[1])
        assert check.remedy.startswith(expected[2])
