"""Answers outlive a run, and belong to the code that gave them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.eval.real.answers import Answers, Key, read_revision
from tests.eval.real.running import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

KEY = Key("lines", "model@1", "raw", "a.py:3", "abc")


def test_an_answer_is_there_in_the_next_run_and_belongs_to_its_key_alone(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "answers.jsonl"
    Answers(file).put(KEY, {"text": "ü"})
    again = Answers(file)
    assert again.get(KEY) == {"text": "ü"}
    for other in ({"model": "model@2"}, {"arm": "asked"}, {"place": "a.py:4"}, {"revision": "abd"}, {"task": "bugs"}):
        assert again.get(replace(KEY, **other)) is None


def test_a_line_that_was_cut_off_is_no_answer_and_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    answers = Answers(file)
    answers.put(KEY, {"text": "one"})
    answers.put(replace(KEY, place="b"), {"text": "two"})
    file.write_text(file.read_text(encoding="utf-8")[:-10], encoding="utf-8")
    again = Answers(file)
    assert again.get(KEY) == {"text": "one"}
    assert again.get(replace(KEY, place="b")) is None
    again.put(replace(KEY, place="c"), {"text": "three"})
    assert Answers(file).get(replace(KEY, place="c")) == {"text": "three"}


def test_the_revision_is_the_last_commit_of_the_product_with_a_mark_of_changes(tmp_path: Path) -> None:
    def run_git(*arguments: str) -> None:
        own = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *own, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def read_again() -> str:
        read_revision.cache_clear()
        return read_revision(tmp_path)

    run_git("init")
    for name in ("agents", "indexing", "models", "server", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.py").write_text("x = 1\n", encoding="utf-8")
    run_git("add", ".")
    run_git("commit", "-m", "first")
    first = read_again()
    (tmp_path / "tests" / "one.py").write_text("x = 2\n", encoding="utf-8")
    run_git("commit", "-am", "tests alone")
    assert read_again() == first
    (tmp_path / "agents" / "one.py").write_text("x = 2\n", encoding="utf-8")
    changed = read_again()
    assert changed.startswith(f"{first}+")
    (tmp_path / "agents" / "one.py").write_text("x = 3\n", encoding="utf-8")
    assert read_again() not in {first, changed}
    run_git("commit", "-am", "agents")
    assert read_again() not in {first, changed}
    assert "+" not in read_again()
    read_revision.cache_clear()


def test_a_run_asks_for_what_is_missing_and_not_again_and_loads_nothing_for_nothing(tmp_path: Path) -> None:
    run = Run(Answers(tmp_path / "answers.jsonl"), float("inf"), 1)
    items = [(replace(KEY, place=str(number)), number) for number in range(4)]
    run.answers.put(items[1][0], {"text": "known"})
    asked: list[int] = []
    loaded = 0

    def load(_: ExitStack) -> Callable[[int], dict[str, Any]]:
        nonlocal loaded
        loaded += 1
        return lambda number: asked.append(number) or {"text": str(number)}  # type: ignore[func-returns-value]

    run.collect(items, load)
    run.collect(items, load)
    assert (asked, loaded) == ([0, 2, 3], 1)
    assert run.answers.get(items[1][0]) == {"text": "known"}
    assert set(run.answers.get(items[0][0]) or {}) == {"text", "processor", "threads"}


def test_a_run_whose_time_is_over_asks_for_nothing(tmp_path: Path) -> None:
    run = Run(Answers(tmp_path / "answers.jsonl"), 0.0, 1)

    def load(_: ExitStack) -> Callable[[int], dict[str, Any]]:
        raise AssertionError

    run.collect([(KEY, 1)], load)
