"""Measurements are read back unchanged, and one model's figures leave those of others alone."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from agents.reviewer.likelihood import calibration
from agents.reviewer.likelihood.alternatives import Site
from agents.reviewer.likelihood.calibration import Calibration
from agents.reviewer.likelihood.comparison import Comparison
from indexing.syntax.documents import Span
from tests.eval.fit_likelihood import Judgement, Measured, Place, pack_function, unpack_function, write_table

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KNOWN = Calibration(precise=False, threshold=0.5, weights={"missing-not": (1.0, 2.0, 3.0, 4.0)})
JUDGEMENT = Judgement(slips=9, found=3, other=1, alarms=2, lines=500)


def place(kind: str, *, right: bool) -> Place:
    site = Site(kind, Span(0, 0), Span(0, 0), "", ())
    return Place(Comparison(site, "", 1.5, -2.25, unused=True), 7, right)


def test_a_function_that_was_measured_is_read_back_as_it_was() -> None:
    one = Measured("attrs", 12, (place("missing-not", right=False),), (("dropped not", 3, (place("x", right=True),)),))
    again = unpack_function(pack_function(one))
    assert (again.package, again.lines) == ("attrs", 12)
    for before, after in ((one.sound[0], again.sound[0]), (one.slips[0][2][0], again.slips[0][2][0])):
        assert (after.line, after.right, after.seen.site.kind) == (before.line, before.right, before.seen.site.kind)
        assert (after.seen.margin, after.seen.doubt, after.seen.unused) == (1.5, -2.25, True)
    assert again.slips[0][:2] == ("dropped not", 3)


def test_a_models_figures_are_replaced_and_those_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "likelihood.toml"
    table.write_bytes(calibration.TABLE.read_bytes())
    before = tomllib.loads(table.read_text(encoding="utf-8"))["model"]
    monkeypatch.setattr(calibration, "TABLE", table)
    write_table("qwen2.5-coder-0.5b", 494_032_768, KNOWN, JUDGEMENT)
    write_table("qwen2.5-coder-0.5b", 494_032_768, Calibration(True, 0.25, KNOWN.weights), JUDGEMENT)
    after = tomllib.loads(table.read_text(encoding="utf-8"))["model"]
    assert set(after) == {*before, "qwen2.5-coder-0.5b"}
    assert all(after[name] == figures for name, figures in before.items())
    assert after["qwen2.5-coder-0.5b"]["threshold"] == 0.25
    calibration.load_calibration.cache_clear()
    known = calibration.load_calibration("qwen2.5-coder-0.5b")
    under_another_name = calibration.load_calibration("mine", 494_032_768)
    unknown = calibration.load_calibration("mine", 1)
    calibration.load_calibration.cache_clear()
    assert under_another_name is not None
    assert unknown is None
    assert known is not None
    assert known.weights["missing-not"] == (1.0, 2.0, 3.0, 4.0)
    write_table("starling-mini", 7, KNOWN, JUDGEMENT)
    renewed = tomllib.loads(table.read_text(encoding="utf-8"))["model"]
    assert set(renewed) == set(after)
    assert renewed["starling-mini"]["threshold"] == 0.5
    assert table.read_text(encoding="utf-8").startswith("# What the scores of a model mean")


def test_figures_can_be_written_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "TABLE", tmp_path / "likelihood.toml")
    write_table("one", 7, KNOWN, JUDGEMENT)
    assert set(tomllib.loads(calibration.TABLE.read_text(encoding="utf-8"))["model"]) == {"one"}
