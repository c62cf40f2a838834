"""Questions to models and generator during measurements."""

from __future__ import annotations

import random
from pathlib import Path

from models.completion import FillRequest
from models.scripted.scripted_completion import ScriptedModel
from tests.eval.bundled import PrefixOnly
from tests.eval.masks import Place
from tests.eval.show_filter_data import Key, Line, read_keys
from tests.eval.typing_places import LEAST_LEFT, choose_keys_of_line

TEXT = "x = 1\nif x:\n    total = compute(x, 2)\nprint(total)\n"


def never_cancel() -> bool:
    return False


def never_stop(_: str) -> int | None:
    return None


def place() -> Place:
    start = TEXT.index("compute")
    return Place(Path("a.py"), "a.py", TEXT, start, TEXT.index("\nprint"), "in-file", "border")


def test_a_model_asked_by_prefix_only_is_not_told_the_suffix() -> None:
    model = ScriptedModel({"": "answer"})
    asked = PrefixOnly(model)
    request = FillRequest("", "before", "behind", (), 8)
    assert asked.generate(request, stop=never_stop, cancelled=never_cancel)[0].text == "answer"
    assert asked.score(request, ["answer"], cancelled=never_cancel)[0].text == "answer"
    assert [one.suffix for one in model.requests] == ["", ""]


def test_the_keys_of_a_line_lie_between_its_indentation_and_its_end() -> None:
    rng = random.Random(1)  # noqa: S311 - a sample that repeats
    found = choose_keys_of_line(place(), 1000, rng)
    begin = TEXT.index("total =")
    assert sorted(one.start for one in found) == list(range(begin, place().end - LEAST_LEFT + 1))
    assert all(one.holed == TEXT[: one.start] + "\nprint(total)\n" for one in found)
    assert len(choose_keys_of_line(place(), 3, rng)) == 3


def test_what_was_collected_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text(
        '{"package": "p", "number": 4, "lines": [{"kind": "alone", "evidence": {"one": 1.0}, "recalled": 0.0, '
        '"right": true}]}\n{"package": "p", "number": 4, "lines": []}\n',
        encoding="utf-8",
    )
    line = Line("alone", {"one": 1.0}, 0.0, right=True)
    assert read_keys(file) == [Key("p", 4, (line,)), Key("p", 4, ())]
