from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.catalog.catalog import DEFAULT_MODEL
from tests.eval import data, humaneval, line_completion, masks, replayed_typing, tables
from tests.eval.real import infilling, lines

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("all", *(f"cut at {cut}" for cut in masks.CUTS), *masks.CATEGORIES)
SHARES = {
    line_completion.TABLE: ("exact", "similarity", "identifier_f1", "shown", "right_when_shown"),
    humaneval.TABLE: ("pass_1", "exact", "similarity"),
    replayed_typing.TABLE: ("completed_share", "keys_with_something_shown", "accepted_of_shown"),
    lines.TABLE: ("exact", "similarity", "right_when_shown"),
    infilling.TABLE: ("exact", "pass_1", "similarity"),
}


@pytest.mark.parametrize("table", SHARES)
def test_every_mean_lies_in_its_interval_and_every_share_between_0_and_1(table: str) -> None:
    rows = tables.read_table(table)
    assert rows
    for row in rows:
        assert int(row["n"]) > 0
        for name in SHARES[table]:
            if row[name]:
                low, mean, high = (float(row[column]) for column in (f"{name}_low", name, f"{name}_high"))
                assert 0 <= low <= mean <= high <= 1, (row, name)


def test_line_completion_has_every_arm_at_every_kind_of_place() -> None:
    rows = {(row["arm"], row["where"]): row for row in tables.read_table(line_completion.TABLE)}
    arms = ("copying", "recall", "model", "recall and model")
    assert set(rows) >= {(arm, where) for arm in arms for where in KINDS}
    for arm in {arm for arm, _ in rows}:
        assert int(rows[arm, "all"]["n"]) == sum(int(rows[arm, category]["n"]) for category in masks.CATEGORIES)
    places = len(data.list_packages("test")) * line_completion.PLACES
    assert int(rows["copying", "all"]["n"]) == places


def test_replayed_typing_has_both_arms() -> None:
    assert [row["arm"] for row in tables.read_table(replayed_typing.TABLE)][:2] == ["recall", "recall and model"]


def test_humaneval_has_every_arm_of_the_bundled_model_at_all_tasks_and_another_model_beside_it() -> None:
    rows = [(row["model"], row["arm"], int(row["n"])) for row in tables.read_table(humaneval.TABLE)]
    assert rows[: len(humaneval.ARMS)] == [(DEFAULT_MODEL, arm, humaneval.TASKS) for arm in humaneval.ARMS]
    assert {model for model, _, _ in rows} > {DEFAULT_MODEL}


@pytest.mark.parametrize(("table", "arms"), [(lines.TABLE, lines.ARMS), (infilling.TABLE, infilling.ARMS)])
def test_real_models_stand_beside_the_raw_engine_with_machine_and_code(table: str, arms: tuple[str, ...]) -> None:
    rows = tables.read_table(table)
    by_model: dict[str, set[str]] = {}
    for row in rows:
        assert row["arm"] in arms
        assert row["processor"]
        assert row["threads"]
        assert row["code"]
        by_model.setdefault(row["model"], set()).add(row["arm"])
    by_model.pop(DEFAULT_MODEL, None)  # the plain prompt of "raw" is not in the layout that it was trained with
    for measured in by_model.values():
        assert any(arm.startswith("raw") for arm in measured), measured


def test_rows_of_what_was_not_measured_again_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    tables.write_table("t.csv", [{"arm": "one", "n": 1}, {"arm": "two", "n": 2}], keep="arm")
    tables.write_table("t.csv", [{"arm": "one", "n": 3}], keep="arm")
    assert tables.read_table("t.csv") == [{"arm": "one", "n": "3"}, {"arm": "two", "n": "2"}]
    tables.write_table("t.csv", [{"arm": "one", "n": 4}])
    assert tables.read_table("t.csv") == [{"arm": "one", "n": "4"}]


def test_dev_and_test_packages_do_not_overlap_and_are_pinned_by_hash() -> None:
    dev, test = data.list_packages("dev"), data.list_packages("test")
    assert not {package.name for package in dev} & {package.name for package in test}
    assert [package.name for package in dev] == ["attrs", "httpx", "rich", "tornado"]
    assert len(data.list_packages("new")) == 5
    assert all(len(bytes.fromhex(package.sha256)) == 32 for package in data.list_packages())
