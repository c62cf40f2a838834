"""The checks of `starling doctor` for parts that do not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.assembly import checks

if TYPE_CHECKING:
    import pytest


def test_an_index_that_is_late_is_not_said_to_have_lost_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "INDEX_S", 0.0)
    (check,) = checks._check_index()
    assert check.state == "error"
    assert check.message.startswith("A file was not indexed within 0 s")
    assert "again when other programs rest" in check.remedy
