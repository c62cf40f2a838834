"""The models that are fast enough and fit, and the choice among them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.catalog.catalog import Catalog, Measured
from models.catalog.published_models import PublishedModel, load_published_models
from models.local.calibration import Speed
from models.local.machine import Machine, WeightCounts
from models.local.prompt_choice import LEAST_PROMPT, LINE_TOKENS
from models.local.recommendation import (
    Candidate,
    Limits,
    Room,
    Verdict,
    choose_best,
    describe_published,
    judge_candidate,
)

LIMITS = Limits(typing_s=0.5, asking_s=2.0, first_words_s=15.0, tokens_per_s=5.0)
EVAL = Path(__file__).parents[2] / "eval"
# The column of a quality table that a figure is of, and the rows that it is found in.
# All models are compared at the same places, in packages first published after the weights were made.
TABLES = {"lines": ("real_lines.csv", "exact")}
NAMES_IN_TABLES = {"qwen2.5-coder-0.5b-instruct": "qwen05", "qwen2.5-coder-1.5b-instruct": "qwen15"}


def model(name: str, millions: int, **changes: Any) -> Candidate:
    usual = Candidate(
        name, ("completion",), WeightCounts(millions * 1_000_000), millions * 1_000_000, 8192, "MIT",
        installed=False, bundled=False, gated=False, memory=0, disk=0, fetching=0, worth={},
    )  # fmt: skip
    return replace(usual, **changes)


def make_machine(reads: float, writes: float) -> Machine:
    """Return a machine with these speeds for a network of a million weights."""
    return Machine("cpu", "int8", 1, 1_000_000, 0, reads, writes, 1.0)


HERE = make_machine(LEAST_PROMPT * 1000, LINE_TOKENS * 2000)


def judge(one: Candidate, here: Machine, room: Room | None = None) -> Verdict:
    return judge_candidate(one, here, LIMITS, room or Room())


@pytest.mark.parametrize(
    ("millions", "uses"),
    [(200, ("typing", "asking")), (400, ("asking",)), (1600, ())],
)
def test_a_larger_model_is_in_time_for_less(millions: int, uses: tuple[str, ...]) -> None:
    # a prompt in 1 ms a million weights, a line in half of it: 0.3, 0.6 and 2.4 s
    found = judge(model("m", millions), HERE)
    assert found.line_s == pytest.approx(millions * 0.0015)
    assert found.uses == uses


def test_a_small_model_reads_its_whole_window() -> None:
    found = judge(model("m", 50, context_tokens=500 + LINE_TOKENS), make_machine(200_000, 20_000))
    assert found.line_s == pytest.approx(50 * (500 / 200_000 + LINE_TOKENS / 20_000))


@pytest.mark.parametrize(("reads", "writes", "uses"), [(110, 6, ("chat",)), (99, 6, ()), (110, 4.9, ())])
def test_chat_has_to_begin_in_time_and_to_be_readable(reads: float, writes: float, uses: tuple[str, ...]) -> None:
    assert judge(model("m", 1, roles=("chat",)), make_machine(reads, writes)).uses == uses


def test_what_was_measured_of_a_model_counts_more_than_the_estimate() -> None:
    found = judge(model("m", 1000, speed=Speed(10_000.0, 1000.0)), make_machine(1, 1))
    assert (found.speed, found.uses) == (Speed(10_000.0, 1000.0), ("typing", "asking"))


@pytest.mark.parametrize(
    ("room", "lacking"),
    [
        (Room(memory=999, disk=5000), "memory"), (Room(memory=1000, disk=2999), "disk"),
        (Room(memory=1000, disk=3000), ""), (Room(), ""),
    ],
)  # fmt: skip
def test_what_there_is_no_room_for_answers_nothing(room: Room, lacking: str) -> None:
    found = judge(model("m", 1, memory=1000, fetching=3000), make_machine(1e9, 1e9), room)
    assert (found.lacking, bool(found.uses)) == (lacking, not lacking)


def test_the_largest_in_time_is_named() -> None:
    found = [judge(model(str(size), size), HERE) for size in (200, 1600, 400, 300)]
    assert [one.candidate.name if (one := choose_best(found, use)) else "" for use in ("typing", "asking", "chat")] == [
        "300", "400", "",
    ]  # fmt: skip


def test_what_both_were_measured_for_decides_over_size() -> None:
    here = make_machine(1e9, 1e9)
    small, large = ({"worth": {"lines": Measured(share, 700)}} for share in (0.6, 0.5))
    found = [judge(model("small", 500, **small), here), judge(model("large", 1500, **large), here)]
    assert choose_best(found, "asking") == found[0]
    unmeasured = judge(model("large", 1500), here)
    assert choose_best([found[0], unmeasured], "asking") == unmeasured


def test_a_model_behind_an_account_is_named_only_where_it_is_here() -> None:
    here = make_machine(1e9, 1e9)
    small, large = judge(model("small", 500), here), judge(model("large", 1500, gated=True), here)
    assert choose_best([small, large], "asking") == small
    own = judge(model("large", 1500, installed=True), here)
    assert choose_best([small, own], "asking") == own


def test_a_published_model_takes_its_download_and_its_weights_on_the_disk() -> None:
    known = load_published_models()["qwen2.5-coder-0.5b"]
    one = describe_published(known)
    assert one.fetching == known.estimate_size_bytes("int8") + 2 * known.parameters
    assert one.memory > one.disk == known.estimate_size_bytes("int8")
    assert one.weights == WeightCounts(known.parameters - 151_936 * 896, 151_936 * 896)


def list_measurable() -> list[PublishedModel]:
    return [one for one in load_published_models().values() if one.table_parameters]


@pytest.mark.parametrize("known", list_measurable(), ids=lambda one: one.name)
def test_tables_of_tokens_are_a_part_of_the_weights(known: PublishedModel) -> None:
    assert 0 < known.weights.table < known.weights.layers < known.parameters


def test_weights_of_two_tables_are_no_layers() -> None:
    known = load_published_models()["qwen2.5-coder-7b"]
    assert known.weights == WeightCounts(known.parameters - 2 * 152_064 * 3584, 152_064 * 3584)


def _worths() -> list[tuple[str, str, Measured]]:
    models = (*Catalog.load().entries.values(), *load_published_models().values())
    return [(one.name, table, figure) for one in models for table, figure in one.worth.items()]


@pytest.mark.parametrize(("name", "table", "figure"), _worths())
def test_what_a_model_is_worth_is_a_figure_of_the_quality_tables(name: str, table: str, figure: Measured) -> None:
    file, column = TABLES[table]
    model_name = NAMES_IN_TABLES.get(name, name)
    with (EVAL / file).open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["model"], row["arm"]) == (model_name, "asked")]
    assert [(float(row[column]), int(row["n"])) for row in rows] == [(figure.share, figure.n)]
