"""Slips are drawn fairly, looked at once, and counted as `tests.eval.seeded_bugs` counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.findings import Finding, Layer, Severity
from indexing.syntax.documents import Span
from models.scripted.scripted_completion import ScriptedModel
from tests.eval import data
from tests.eval.real import bugs
from tests.eval.real.answers import Answers
from tests.eval.real.running import Run

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.syntax.documents import Document
    from tests.eval.mutants import Span as Lines

PACKAGES = [data.Package(name, "1", "test", name, "00") for name in ("one", "two")]
CODE = "\n\n".join(
    f"def within_{number}(value, low, high):\n    if value < low:\n        return False\n"
    f"    count = value + {number}\n    return count <= high\n"
    for number in range(4)
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    monkeypatch.setattr(data, "list_packages", lambda _: PACKAGES)
    for package in PACKAGES:
        folder = package.root / package.name
        folder.mkdir(parents=True)
        (folder / "code.py").write_text(CODE, encoding="utf-8")


@pytest.mark.usefixtures("packages")
def test_the_slips_of_a_function_stand_together_and_functions_of_all_packages_come_in_turn() -> None:
    found = bugs.choose_cases("test", 3)
    functions = [(one.path.parts[-2], one.function.name) for one in found]
    order = list(dict.fromkeys(functions))
    assert len(order) == 6
    assert functions == [one for one in order for _ in range(functions.count(one))]
    assert [package for package, _ in order] == ["one", "two"] * 3
    assert len({bugs.name_case(one) for one in found}) == len(found)


@pytest.mark.usefixtures("packages")
def test_what_a_layer_says_is_kept_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ScriptedModel({}).entry
    monkeypatch.setattr(bugs, "identify", lambda _: "scripted@1")
    run = Run(Answers(tmp_path / "answers.jsonl"), float("inf"), 1)
    chosen = bugs.choose_cases("test", 2)
    looked = 0

    def look(document: Document, function: Lines) -> tuple[Finding, ...]:
        """Find a boundary that is not as it should be."""
        nonlocal looked
        looked += 1
        inside = function.within(document.text)
        at = document.text.find("value <= low", inside.start, inside.end)
        if at < 0:
            return ()
        return (Finding("slip", Severity.WARNING, Span(at, at + 5), "a slip", layer=Layer.MODEL),)

    monkeypatch.setattr(bugs, "_make_chat_judge", lambda *_: bugs.make_judge(look))
    bugs.collect(entry, bugs.CHAT, chosen, run)
    once = looked
    bugs.collect(entry, bugs.CHAT, chosen, run)
    assert looked == once == len(chosen) + len({(one.right, one.function) for one in chosen})
    rows = {row["slips"]: row for row in bugs.make_rows(entry, chosen, run.answers)}
    of_kind = [one for one in chosen if one.group == "boundary"]
    found = sum("value <= low" in one.wrong for one in of_kind)
    assert found
    assert rows["all"]["n"] == len(chosen)
    assert rows["boundary"]["recall_3"] == round(found / len(of_kind), 3)
    assert rows["all"]["alarms_per_1000_lines"] == 0.0
    assert {row["layer"] for row in rows.values()} == {bugs.CHAT}
