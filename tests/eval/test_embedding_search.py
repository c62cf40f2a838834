"""Descriptions of functions as queries, and the arms of the measurement of search by meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.scripted.scripted_embedder import ScriptedEmbedder
from tests.eval import embedding_search
from tests.eval.described_functions import list_described, move_line, remove_descriptions

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = '''def pour(cup):
    """Pour hot water into the cup.

    Slowly.
    """
    cup.level = 1
    return cup


class Mill:
    def grind(self, beans):
        """Crush the beans to a coarse powder."""
        self.turn()
        return beans
'''
TYPESCRIPT = """/**
 * Pours hot water into the cup.
 * @param cup the cup
 */
export function pour(cup: Cup): Cup {
  cup.level = 1;
  return cup;
}

/** Too short. */
function stop(): void {
  halt();
}
"""


@dataclass(frozen=True)
class Package:
    """A package with one file."""

    root: Path

    def list_files(self) -> list[Path]:
        """Return its files."""
        return [self.root / "coffee.py"]


def test_docstrings_are_found_and_taken_out() -> None:
    found = list_described(PYTHON, "python")
    assert [(each.name, each.description) for each in found] == [
        ("pour", "Pour hot water into the cup."),
        ("grind", "Crush the beans to a coarse powder."),
    ]
    bare = remove_descriptions(PYTHON, found)
    assert '"""' not in bare
    assert [bare.split("\n")[move_line(each.line, found)].strip() for each in found] == [
        "def pour(cup):",
        "def grind(self, beans):",
    ]


def test_comments_before_functions_are_found_and_taken_out() -> None:
    found = list_described(TYPESCRIPT, "typescript")
    assert [(each.name, each.description) for each in found] == [("pour", "Pours hot water into the cup.")]
    bare = remove_descriptions(TYPESCRIPT, found)
    assert "hot water" not in bare
    assert bare.split("\n")[move_line(found[0].line, found)].startswith("export function pour")


def test_a_description_without_a_word_of_the_name_is_of_both_kinds() -> None:
    same = embedding_search.Asked("Pours hot water", "a.py", 0, "pour_water")
    other = embedding_search.Asked("Crush the beans", "a.py", 0, "grindAll")
    assert same.kinds == ("description",)
    assert other.kinds == ("description", "description, other words")


def test_queries_are_shared_out_evenly() -> None:
    assert embedding_search.share_out([10, 0, 2, 10], 9) == [4, 0, 2, 3]
    assert embedding_search.share_out([1, 1], 9) == [1, 1]


def test_every_arm_ranks_the_answers_and_stored_vectors_are_used_again(tmp_path: Path) -> None:
    package = Package(tmp_path / "package")
    package.root.mkdir()
    package.list_files()[0].write_text(PYTHON, encoding="utf-8")
    described = embedding_search.list_descriptions(package, "python")
    ranks = []
    for pieces in (3, 0):
        stored = embedding_search.StoredEmbedder(ScriptedEmbedder(), tmp_path / "vectors.bin")
        (tmp_path / str(pieces)).mkdir()
        ranks.append(embedding_search.measure_descriptions(package, described, stored, tmp_path / str(pieces)))
        assert stored.costs.pieces == pieces
    assert ranks[0] == ranks[1]
    assert {arm for _, arm in ranks[0]} == {"words", "vectors", "both"}
    assert all(1 <= rank <= 3 for rank in ranks[0]["description", "vectors"])
    rows = embedding_search.make_rows({("python", *key[:1], "dev", *key[1:]): each for key, each in ranks[0].items()})
    assert {row["arm"]: row["mrr_more"] == "" for row in rows} == {"words": True, "vectors": False, "both": False}
