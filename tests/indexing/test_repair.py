"""A damaged index is repaired once at a time, after longer and longer pauses, and that is reported once."""

from __future__ import annotations

import pytest

from indexing import repair
from indexing.repair import Repair


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def schedule(reports: list[str]) -> Repair:
    schedule = Repair()
    schedule.notify = reports.append
    return schedule


def test_damage_is_checked_and_a_missing_index_is_reported_and_rebuilt(schedule: Repair, reports: list[str]) -> None:
    assert schedule.choose_job(lambda: "damaged", lambda: True) == "check"
    assert reports == []
    assert schedule.choose_job(lambda: "", lambda: True) == ""
    assert schedule.choose_job(lambda: "missing", lambda: True) == "pass"
    assert reports == ["The index of this workspace was deleted; it is being rebuilt."]


def test_nothing_is_repaired_while_the_index_is_busy(schedule: Repair, reports: list[str]) -> None:
    assert schedule.choose_job(lambda: "missing", lambda: False) == ""
    assert reports == []


def test_repairs_that_fail_come_after_longer_and_longer_pauses(
    schedule: Repair, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(repair.time, "monotonic", lambda: now)
    begun = []
    for second in range(2000):
        now = 1000.0 + second
        if schedule.choose_job(lambda: "damaged", lambda: True):
            begun.append(second)
    assert begun == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]
    assert schedule.choose_job(lambda: "", lambda: True) == ""
    assert schedule.choose_job(lambda: "damaged", lambda: True) == "check"


def test_damage_that_a_pass_has_repaired_meanwhile_is_not_reported(schedule: Repair, reports: list[str]) -> None:
    def find_damage() -> str:  # the pass ends between the look and its result
        schedule.note_finished_pass(has_failed=False)
        return "missing"

    assert schedule.choose_job(find_damage, lambda: True) == ""
    assert reports == []


def test_a_rebuild_is_reported_once_until_a_pass_succeeds(schedule: Repair, reports: list[str]) -> None:
    schedule.report_rebuild("was damaged")
    schedule.report_rebuild("was deleted")
    schedule.note_finished_pass(has_failed=True)
    schedule.report_rebuild("was damaged")
    assert reports == ["The index of this workspace was damaged; it is being rebuilt."]
    schedule.note_finished_pass(has_failed=False)
    schedule.report_rebuild("was damaged")
    assert len(reports) == 2
