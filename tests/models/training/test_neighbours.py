"""Passages of neighbouring files before samples; text after the cursor never selects them."""

import random
from typing import TYPE_CHECKING

from models.training import vocabulary
from models.training.neighbours import Neighbourhood, Passage, split_passages
from models.training.samples import Encoder, Hole, Mix, extend_to_word_start
from models.training.sources import SourceFile

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BANK = "def deposit(account, amount):\n    account.balance += amount\n\n\ndef audit_trail():\n    return []\n"
SHOP = "from bank import deposit\n\n\ndef buy(account, thing):\n    deposit(account, -thing.price)\n"


def make_file(path: str, text: str, package: str = "money") -> SourceFile:
    return SourceFile(package, path, text, "mit")


def test_passages_joined_are_the_file_except_for_blank_lines() -> None:
    pieces = list(split_passages(BANK))
    assert [piece.split("(")[0] for piece in pieces] == ["def deposit", "def audit_trail"]
    assert "\n".join(pieces).split() == BANK.split()


def test_a_passage_that_shares_a_name_with_the_lines_before_the_cursor_is_found() -> None:
    around = Neighbourhood(
        [make_file("bank.py", BANK), make_file("shop.py", SHOP), make_file("other.py", BANK, package="else")]
    )
    found = around.find("money", "shop.py", SHOP[: SHOP.index("(account, -")], most=2)
    assert [one.path for one in found] == ["bank.py"]
    assert found[0].text.startswith("def deposit")


def test_a_name_after_the_cursor_finds_no_passage() -> None:
    around = Neighbourhood([make_file("bank.py", BANK), make_file("shop.py", SHOP)])
    assert not around.find("money", "shop.py", "value = ", most=2)


def test_snippets_with_their_paths_come_before_the_first_marker() -> None:
    tokenizer: Tokenizer = vocabulary.train([BANK + SHOP], size=400)
    mix = Mix(spm=1.0, file_name=1.0, no_suffix=1.0)
    rng = random.Random(1)  # noqa: S311 - a reproducible choice
    hole = Hole("shop.py", "total = ", "deposit(account, 1)", "\n")
    ids, weights = Encoder(tokenizer, mix).make_sample(hole, 300, rng, [Passage("bank.py", BANK)])
    text = tokenizer.decode(ids, skip_special_tokens=False)
    assert text.startswith("<filename>bank.py\ndef deposit")
    assert text.index("def audit_trail") < text.index("<fim_prefix><fim_suffix><fim_middle><filename>shop.py\ntotal =")
    assert len(ids) == len(weights) <= 300


def test_snippets_are_cut_to_their_room() -> None:
    tokenizer: Tokenizer = vocabulary.train([BANK + SHOP], size=400)
    ids, _ = Encoder(tokenizer, Mix()).make_snippets([Passage("bank.py", 50 * BANK)], 60)
    assert len(ids) == 60


def test_a_begun_word_belongs_to_the_middle() -> None:
    hole = extend_to_word_start(Hole("shop.py", "total = depo", "sit(1)", "\n"))
    assert (hole.prefix, hole.middle) == ("total = ", "deposit(1)")
    hole = extend_to_word_start(Hole("shop.py", "if x:\n    ", "pass", "\n"))
    assert (hole.prefix, hole.middle) == ("if x:\n", "    pass")
    whole = Hole("shop.py", "total.", "sum", "\n")
    assert extend_to_word_start(whole) == whole
