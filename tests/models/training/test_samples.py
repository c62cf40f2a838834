"""Samples have the layout of the product's prompts, and fit their rows."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from models.training import vocabulary
from models.training.__main__ import main
from models.training.corpus import write_files
from models.training.places import choose_line_rests
from models.training.samples import Encoder, Hole, Mix, RowPlan, cut_hole, open_rows, write_rows
from models.training.sources import SourceFile

CODE = '''
class Account:
    """An account."""

    def deposit(self, amount, *, note=""):
        if amount <= 0:
            raise ValueError(
                "amount",
                amount,
            )
        self.balance += amount  # counted
        self.notes.append((amount, note))
        return self.balance

    def withdraw(self, amount):
        return self.deposit(-amount, note="taken")
'''


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Return a tokenizer trained on `CODE`."""
    return vocabulary.train([CODE], size=400)


def test_markers_have_starcoders_ids(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(name) for name in vocabulary.MARKERS] == list(range(19))


def test_spm_puts_the_suffix_first_and_the_path_before_the_prefix(tokenizer: Tokenizer) -> None:
    hole = Hole("bank.py", "total = ", "1", "\nprint(total)\n")
    ids, weights = Encoder(tokenizer, Mix()).make_prompt(hole, 200, spm=True, named=True, suffix_tokens=50)
    assert tokenizer.decode(ids, skip_special_tokens=False) == (
        "<fim_prefix><fim_suffix>\nprint(total)\n<fim_middle><filename>bank.py\ntotal = "
    )
    assert len(weights) == len(ids)
    assert weights[0] == weights[1] == 0
    assert weights[-1] == 1


def test_a_markers_name_in_a_file_is_ordinary_text(tokenizer: Tokenizer) -> None:
    encoder = Encoder(tokenizer, Mix())
    ids = encoder.encode("a <|endoftext|> b <fim_prefix>")
    assert encoder.markers.end not in ids
    assert encoder.markers.prefix not in ids
    assert tokenizer.decode(ids) == "a <|endoftext|> b <fim_prefix>"


def test_psm_ends_with_the_middle_marker(tokenizer: Tokenizer) -> None:
    hole = Hole("bank.py", "total = ", "1", "\nprint(total)\n")
    ids, _ = Encoder(tokenizer, Mix()).make_prompt(hole, 200, spm=False, named=False, suffix_tokens=50)
    assert tokenizer.decode(ids, skip_special_tokens=False) == (
        "<fim_prefix>total = <fim_suffix>\nprint(total)\n<fim_middle>"
    )


@pytest.mark.parametrize("room", [64, 90, 300])
def test_a_sample_never_exceeds_its_room_and_ends_with_the_end_token(tokenizer: Tokenizer, room: int) -> None:
    rng = random.Random(room)  # noqa: S311 - a reproducible choice
    encoder = Encoder(tokenizer, Mix())
    hole = Hole("a/very/long/path/" * 20 + "bank.py", CODE * 9, CODE, CODE * 9)
    for _ in range(50):
        ids, weights = encoder.make_sample(hole, room, rng)
        assert len(ids) == len(weights) <= room
        assert ids[-1] == encoder.markers.end
        assert weights[-1] == Mix().middle_weight


def test_the_parts_of_a_hole_are_the_file_and_middles_end_at_line_ends() -> None:
    file = SourceFile("bank", "bank.py", CODE, "mit")
    rng = random.Random(4)  # noqa: S311 - a reproducible choice
    holes = [hole for _ in range(300) if (hole := cut_hole(file, rng, Mix()))]
    assert len(holes) > 100
    assert all(hole.prefix + hole.middle + hole.suffix == CODE for hole in holes)
    assert all(hole.suffix.startswith("\n") for hole in holes)
    assert any("\n" in hole.middle for hole in holes)


def test_a_statement_goes_on_until_its_brackets_are_closed() -> None:
    file = SourceFile("bank", "bank.py", "value = call(\n    first,\n    second,\n)\nother = 1\n", "mit")
    mix = Mix(rest_of_line=0.0, statement=1.0, line_start=1.0)
    middles = {hole.middle for seed in range(60) if (hole := cut_hole(file, random.Random(seed), mix))}  # noqa: S311 - a reproducible choice
    assert "value = call(\n    first,\n    second,\n)" in middles


def test_rows_are_full_reproducible_and_padded_without_weight(tokenizer: Tokenizer, tmp_path: Path) -> None:
    plan = RowPlan(rows=20, positions=128, seed=7, mix=Mix())
    for name in ("one", "two"):
        write_rows([SourceFile("bank", "bank.py", CODE, "mit")], tokenizer, tmp_path / name, plan)
    tokens, weights = open_rows(tmp_path / "one")
    assert tokens.shape == weights.shape == (20, 129)
    assert np.array_equal(tokens, open_rows(tmp_path / "two")[0])
    assert (weights > 0).mean() > 0.4


def test_the_number_of_processes_does_not_change_the_rows(tokenizer: Tokenizer, tmp_path: Path) -> None:
    # in a program of its own: from Python 3.14 on a fork server runs until the program that started it ends
    code = f"""
from pathlib import Path
from tokenizers import Tokenizer
from models.training.samples import Mix, RowPlan, write_rows
from models.training.sources import SourceFile
files, tokenizer = [SourceFile("bank", "bank.py", {CODE!r}, "mit")], Tokenizer.from_str({tokenizer.to_str()!r})
for processes in (1, 2):
    plan = RowPlan(rows=1500, positions=64, seed=7, mix=Mix())
    write_rows(files, tokenizer, Path({str(tmp_path)!r}, str(processes)), plan, processes=processes)
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
    one, two = open_rows(tmp_path / "1"), open_rows(tmp_path / "2")
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])
    assert not np.array_equal(one[0][:476], one[0][1024:]), "a part does not repeat another"


def test_evaluation_places_are_rests_of_code_lines() -> None:
    places = choose_line_rests([SourceFile("bank", "bank.py", CODE, "mit")], per_package=50, seed=1)
    assert places == choose_line_rests([SourceFile("bank", "bank.py", CODE, "mit")], per_package=50, seed=1)
    for package, hole in places:
        assert package == "bank"
        assert hole.prefix + hole.middle + hole.suffix == CODE
        whole = hole.prefix.rsplit("\n", 1)[-1].strip() + hole.middle
        assert hole.middle
        assert "\n" not in hole.middle
        assert "#" not in whole
        assert "An account" not in whole


def test_places_in_other_languages_are_lines_of_code() -> None:
    code = """// adds up = to, the sum
int sum(const int *of, int count) {
    int total = 0; /* of all
    the + numbers = given */
    for (int i = 0; i < count; i++) total += of[i];
    return strcmp("é", of, total, 1, 2);
}
#define ADD(one, other) ((one) + (other))
"""
    places = choose_line_rests([SourceFile("sum", "sum.c", code, "mit")], per_package=50, seed=1)
    lines = {hole.prefix.rpartition("\n")[2] + hole.middle for _package, hole in places}
    assert lines == {"int sum(const int *of, int count) {", "    for (int i = 0; i < count; i++) total += of[i];"}
    for _package, hole in places:
        assert hole.prefix + hole.middle + hole.suffix == code
        assert hole.middle.strip()


def test_an_evaluation_without_places_reports_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_files([SourceFile("bank", "bank.py", CODE, "mit")], tmp_path / "corpus.jsonl")
    write_files([], tmp_path / "evaluation.jsonl")
    assert main(["--work", str(tmp_path), "evaluate", "--held-back", "cobol"]) == 1
    assert "no place" in caplog.text
