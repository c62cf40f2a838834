"""The table counts attempts by kind of task, and a model's stored attempts are keyed by the version of the package."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.eval.real.answers import Answers
from tests.eval.team.run import LOOP, make_key, make_rows, read_attempts
from tests.eval.team.tasks.all_tasks import ALL

if TYPE_CHECKING:
    from pathlib import Path

ATTEMPT = {
    "problem": "", "steps": 3, "tokens": 100, "seconds": 2.0, "processor_s": 1.0, "calls": 4, "valid": 3,
    "edits": 0, "applied": 0, "made_worse": (), "threads": 1, "processor": "P", "code": "c1",
}  # fmt: skip


def test_rows_count_what_was_attempted() -> None:
    failed = {**ATTEMPT, "problem": "no", "edits": 2, "applied": 1, "made_worse": ("m",), "code": "c2"}
    rows = make_rows("m", LOOP, {"rename_parseline": ATTEMPT, "find_qemu": failed})
    assert [(row["kind"], row["n"], row["solved"]) for row in rows] == [("rename", 1, 1), ("find", 1, 0), ("all", 2, 1)]
    assert [row["edits_well_formed"] for row in rows] == ["", 0.5, 0.5]
    assert [row["code"] for row in rows] == ["c1", "c2", "c1; c2"]
    assert (rows[2]["calls_valid"], rows[2]["made_worse"], rows[2]["steps_p50"]) == (0.75, 1, 3)


def test_the_key_of_an_attempt_names_the_package_and_its_version() -> None:
    assert make_key("m@1", LOOP, ALL[0]).place == "find_duplicate_section, iniconfig 2.3.1"


def test_attempts_of_older_code_count_where_they_are_asked_for(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers.jsonl")
    key = make_key("m@1", LOOP, ALL[0])
    answers.put(replace(key, revision="old"), {"steps": 1})
    answers.put(replace(key, revision="older"), {"steps": 2})
    assert read_attempts("m@1", LOOP, ALL, answers, None) == {}
    assert read_attempts("m@1", LOOP, ALL, answers, ["new", "old", "older"]) == {
        ALL[0].name: {"steps": 1, "code": "old"}
    }
