"""Places are drawn fairly, the raw engine asks as it says, and the table counts what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexing.index import Index
from models.catalog.catalog import DEFAULT_MODEL, Catalog
from models.scripted.scripted_completion import ScriptedModel
from tests.eval import data
from tests.eval.humaneval import split_problem
from tests.eval.masks import Place
from tests.eval.real import infilling, lines, raw
from tests.eval.real.infilling import Line
from tests.eval.real.installed import Watched
from tests.eval.real.lines import ASKED, RAW, TYPING, Site, choose_sites, make_row
from tests.eval.test_humaneval import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGES = [data.Package(name, "1", "new", name, "00") for name in ("one", "two")]
TEXT = "def area(radius):\n    return radius * radius * 3\n\n\nprint(area(2) + 1)\n"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "CACHE", tmp_path)
    monkeypatch.setattr(data, "list_packages", lambda split: PACKAGES if split == "new" else [])
    for package in PACKAGES:
        folder = package.root / package.name
        folder.mkdir(parents=True)
        code = "".join(f"amount_{number} = total(price, {number}) + 1\n" for number in range(40))
        (folder / "code.py").write_text(code, encoding="utf-8")


@pytest.fixture(scope="module")
def engine() -> Iterator[raw.Raw]:
    model = raw.Raw(Catalog.load(None).entries[DEFAULT_MODEL], 1)
    yield model
    model.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    (tmp_path / "workspace").mkdir()
    opened = Index([tmp_path / "workspace"], storage=tmp_path / "index")
    yield opened
    opened.close()


@pytest.mark.usefixtures("packages")
def test_the_first_places_are_of_all_packages_in_turn_and_the_same_every_time() -> None:
    found = choose_sites("new", 10)
    assert len({site.name for site in found}) == len(found) == 20
    assert [site.package.name for site in found[:4]] == ["one", "two", "one", "two"]
    again = choose_sites("new", 10)  # those that were kept
    assert [(site.package, site.place) for site in again] == [(site.package, site.place) for site in found]
    starts = [site.place.start for site in found if site.package.name == "one"]
    assert starts != sorted(starts)


def test_the_raw_engine_reads_3000_characters_before_and_1000_behind_in_order(
    engine: raw.Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class Generator:
        def generate_batch(self, prompts: list[list[str]], **_: Any) -> None:
            asked.extend(prompts)

    monkeypatch.setattr(engine, "_generator", Generator())
    said = engine.fill("x = 1\n" * 100, "y = 2\n" * 100, lines.find_line_end)
    engine.fill("z" + "x = 1\n" * 100, "y = 2\n" * 100, lines.find_line_end)
    fim = engine.entry.fim
    assert asked[0][0] == fim.prefix
    assert asked[0][-1] == fim.middle
    assert asked[0].count(fim.suffix) == 1
    assert said == raw.Said("", len(asked[0]), 0)
    monkeypatch.setattr(raw, "BEFORE", 12)
    monkeypatch.setattr(raw, "BEHIND", 6)
    engine.fill("a = 0\n" * 50 + "x = 1\nx = 1\n", "y = 2\nz = 3\n", lines.find_line_end)
    tokens = engine._tokenizer
    assert asked[2][1:-1] == [*tokens.encode("x = 1\nx = 1\n").tokens, fim.suffix, *tokens.encode("y = 2\n").tokens]


def test_the_raw_engine_stops_where_it_is_told_and_at_its_budget(engine: raw.Raw) -> None:
    prefix = "def first(values):\n    return values[0]\n\n\ndef second(values):\n"
    line = engine.fill(prefix, "\n", lines.find_line_end)
    assert "\n" not in line.text
    assert line.answer_tokens <= raw.LINE_TOKENS
    assert engine.fill(prefix, "\n", lambda text: 1 if len(text) > 1 else None).text == line.text[:1] or line.text == ""
    assert engine.fill(prefix, "\n", lambda _: None, tokens=3).answer_tokens <= 3


def place(tmp_path: Path) -> Place:
    start = TEXT.index("radius * radius")
    return Place(tmp_path / "workspace" / "area.py", "area.py", TEXT, start, TEXT.index("\n\n\n"), "in-file", "border")


@pytest.mark.parametrize("arm", [ASKED, TYPING])
def test_starling_is_asked_at_the_place_and_what_went_through_is_kept(tmp_path: Path, index: Index, arm: str) -> None:
    index.start()
    site = Site(PACKAGES[0], place(tmp_path))
    model = Watched(ScriptedModel({"": "radius * radius * 3"}))
    answer = lines.ask_starling(index, model, site, arm)
    assert answer["text"] == ("radius * radius * 3" if answer["shown"] else "")
    assert answer["shown"] or arm == TYPING
    (call,) = [one for one in answer["calls"] if one["kind"] == "generate"]
    assert call["told"][0]["text"] == "radius * radius * 3"
    assert call["prefix_end"] == site.place.text[: site.place.start]


def test_starling_fills_a_humaneval_line_behind_its_indentation(tmp_path: Path, index: Index) -> None:
    index.start()
    line = Line("one", next(split_problem(PROBLEM)))
    model = ScriptedModel({"": "y = 2 * x"})
    answer = infilling.ask_starling(index, tmp_path / "workspace", Watched(model), line)
    assert (answer["text"], answer["passed"]) == ("    y = 2 * x", True)
    assert {request.prefix for request in model.requests} == {line.task.prefix + "    "}
    assert {request.suffix for request in model.requests} == {line.task.suffix}


def answers(texts: Mapping[int, str], **more: Any) -> dict[str, tuple[Site, dict[str, Any]]]:
    machine = {"ms": 5, "prompt_tokens": 9, "processor": "P", "threads": 2}
    site = Site(PACKAGES[0], place(Path("/nowhere")))
    return {str(at): (site, {"text": text, **machine, **more}) for at, text in texts.items()}


def test_a_row_counts_what_is_exact_shown_and_gained_where_both_were_asked() -> None:
    right, wrong = "radius * radius * 3", "radius"
    beside = answers({0: wrong, 1: right, 2: wrong})
    found = {**answers({0: right, 1: right}, shown=True), **answers({3: ""}, shown=False)}
    line = make_row("m", TYPING, "new", found, beside)
    assert (line["n"], line["exact"], line["shown"], line["right_when_shown"]) == (3, 0.667, 0.667, 1.0)
    assert (line["beside_raw_n"], line["more_than_raw"]) == (2, 0.5)
    assert (line["ms_p50"], line["processor"], line["threads"]) == (5, "P", "2")
    plain = make_row("m", RAW, "new", beside, beside)
    assert (plain["exact"], plain["more_than_raw"], plain["shown"]) == (0.333, "", "")
    assert list(plain) == list(line)
