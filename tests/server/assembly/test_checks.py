"""The checks of `starling doctor` for parts that do not work."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from indexing.index import Index
from indexing.storage import all_indexes
from server.assembly import checks, command_checks
from server.assembly.settings import Settings
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_doctor_says_how_large_the_indexes_are_beside_their_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "area.py").write_text("def area(radius):\n    return 3.14 * radius * radius\n" * 2000)
    with contextlib.closing(Index([root], storage=paths.index_dir())) as index:
        index.start()
        assert index.wait(60)
    (check,) = checks._check_files(Settings())
    facts = check.facts["index"]
    assert (facts["indexes"], facts["source_bytes"]) == (1, (root / "area.py").stat().st_size)
    (line,) = (one for one in check.details if one.startswith("indexes"))
    assert f"{facts['workspaces_bytes'] / facts['source_bytes']:.1f} times their 0.1 MB of source" in line
    assert line.endswith("of at most 4,000 MB)")
    monkeypatch.setattr(all_indexes, "measure", lambda _: all_indexes.Sizes(1, 0, 0))
    monkeypatch.setattr(checks, "_measure_folder", lambda _: 4_000_000_001)
    (check,) = checks._check_files(Settings())
    assert (check.state, "index.diskMb" in check.message) == ("warning", True)
    assert "times" not in next(one for one in check.details if one.startswith("indexes"))
