"""The table counts attempts by kind of task, and a model's stored attempts are keyed by the version of the package."""

from __future__ import annotations

from tests.eval.team.run import LOOP, make_key, make_rows
from tests.eval.team.tasks.all_tasks import ALL

ATTEMPT = {
    "problem": "", "steps": 3, "tokens": 100, "seconds": 2.0, "processor_s": 1.0, "calls": 4, "valid": 3,
    "edits": 0, "applied": 0, "made_worse": (), "threads": 1, "processor": "P",
}  # fmt: skip


def test_rows_count_what_was_attempted() -> None:
    failed = {**ATTEMPT, "problem": "no", "edits": 2, "applied": 1, "made_worse": ("m",)}
    rows = make_rows("m", LOOP, {"rename_parseline": ATTEMPT, "find_qemu": failed})
    assert [(row["kind"], row["n"], row["solved"]) for row in rows] == [("rename", 1, 1), ("find", 1, 0), ("all", 2, 1)]
    assert [row["edits_well_formed"] for row in rows] == ["", 0.5, 0.5]
    assert (rows[2]["calls_valid"], rows[2]["made_worse"], rows[2]["steps_p50"]) == (0.75, 1, 3)


def test_the_key_of_an_attempt_names_the_package_and_its_version() -> None:
    assert make_key("m@1", LOOP, ALL[0]).place == "find_duplicate_section, iniconfig 2.3.1"
