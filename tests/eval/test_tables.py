from __future__ import annotations

import pytest

from tests.eval import data, line_completion, masks, replayed_typing, tables

KINDS = ("all", *(f"cut at {cut}" for cut in masks.CUTS), *masks.CATEGORIES)
SHARES = {
    line_completion.TABLE: ("exact", "similarity", "identifier_f1", "shown", "right_when_shown"),
    replayed_typing.TABLE: ("completed_share", "keys_with_something_shown", "accepted_of_shown"),
}


@pytest.mark.parametrize("table", SHARES)
def test_every_mean_lies_in_its_interval_and_every_share_between_0_and_1(table: str) -> None:
    rows = tables.read(table)
    assert rows
    for row in rows:
        assert int(row["n"]) > 0
        for name in SHARES[table]:
            if row[name]:
                low, mean, high = (float(row[column]) for column in (f"{name}_low", name, f"{name}_high"))
                assert 0 <= low <= mean <= high <= 1, (row, name)


def test_line_completion_has_every_arm_at_every_kind_of_place() -> None:
    rows = {(row["arm"], row["where"]): row for row in tables.read(line_completion.TABLE)}
    arms = ("copying", "recall", "model", "recall and model")
    assert set(rows) == {(arm, where) for arm in arms for where in KINDS}
    for arm in arms:
        assert int(rows[arm, "all"]["n"]) == sum(int(rows[arm, category]["n"]) for category in masks.CATEGORIES)
    places = len(data.packages("test")) * line_completion.PLACES
    assert int(rows["copying", "all"]["n"]) == places


def test_replayed_typing_has_both_arms() -> None:
    assert [row["arm"] for row in tables.read(replayed_typing.TABLE)] == ["recall", "recall and model"]


def test_dev_and_test_packages_do_not_overlap_and_are_pinned_by_hash() -> None:
    dev, test = data.packages("dev"), data.packages("test")
    assert not {package.name for package in dev} & {package.name for package in test}
    assert [package.name for package in dev] == ["attrs", "httpx", "rich", "tornado"]
    assert all(len(bytes.fromhex(package.sha256)) == 32 for package in data.packages())
