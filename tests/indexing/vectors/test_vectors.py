"""Search by meaning in a workspace, with a scripted embedding model."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from indexing.records import Query, VectorStatus
from indexing.syntax.documents import Document
from indexing.vectors import embedding_thread, vectors
from models.scripted.scripted_embedder import ScriptedEmbedder
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from indexing.index import Index

WORKSPACE = """
    #- coffee.py
    def pour(cup):
        cup.level = 1
        return cup

    def grind(beans):
        crush = beans
        return crush
    #- tea.py
    def steep(leaves):
        return leaves
    #- notes.md
    Some plain words about porcelain.
"""
SYNONYMS = {"coarse": "crush", "powder": "grind", "porcelain": "cup"}
QUESTION = "make coarse powder"


class Model:
    """A scripted model that knows some synonyms, counts the texts that it has seen, and may fail."""

    name = "scripted"
    failures = (ArithmeticError,)

    def __init__(self, identity: str = "scripted 1") -> None:
        self.identity = identity
        self.seen: list[str] = []
        self.failure = ""
        self.closed = 0

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return the vectors of `texts`, with each word replaced by its synonym."""
        if self.failure:
            raise ArithmeticError(self.failure)
        self.seen += texts
        known = [" ".join(SYNONYMS.get(word, word) for word in text.split()) for text in texts]
        return ScriptedEmbedder().embed(known).vectors

    def release_idle(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Count the calls."""
        self.closed += 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return parse(WORKSPACE).write(tmp_path / "root")


def embed(index: Index) -> bool:
    """Embed what is missing; return whether all is done."""
    index.load()
    return index.vectors.embed_all(lambda: True, lambda _: None)


def list_names(index: Index, text: str, *, meaning: bool = True) -> list[str]:
    """Return file and name of each hit for `text`."""
    return [f"{hit.relative} {hit.name}".rstrip() for hit in index.search(Query(text, meaning=meaning))]


def test_a_description_finds_code_without_its_words_and_other_queries_do_not(
    make_index: Callable[..., Index], root: Path
) -> None:
    index = make_index(root, embedder=Model())
    assert list_names(index, QUESTION) == []
    assert embed(index)
    assert list_names(index, QUESTION)[0] == "coffee.py grind"
    assert list_names(index, QUESTION, meaning=False) == []
    assert list_names(index, "coarse powder") == []
    assert list_names(index, "make\ncoarse powder") == []
    assert "tea.py steep" in list_names(index, "how leaves steep")
    assert index.read_status().vectors == VectorStatus("scripted", 4, 1.0)


def test_without_a_model_there_are_no_vectors(make_index: Callable[..., Index], root: Path, storage: Path) -> None:
    index = make_index(root)
    index.vectors.start()
    assert not embed(index)
    assert list_names(index, "how leaves steep") == ["tea.py steep"]
    assert index.read_status().vectors == VectorStatus()
    assert not list(storage.glob("*.vectors"))


def test_only_what_changed_is_embedded_again_also_by_the_next_process(
    make_index: Callable[..., Index], root: Path
) -> None:
    index = make_index(root, embedder=Model())
    assert embed(index)
    index.close()
    (root / "coffee.py").write_text(
        (root / "coffee.py").read_text(encoding="utf-8").replace("cup.level = 1", "cup.level = 2"), encoding="utf-8"
    )
    model = Model()
    again = make_index(root, embedder=model)
    assert embed(again)
    assert [text.split("\n")[0] for text in model.seen] == ["coffee.py pour"]
    assert embed(again)
    assert len(model.seen) == 1


def test_deleted_code_and_excluded_files_are_not_found(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, embedder=Model())
    assert embed(index)
    (root / "coffee.py").unlink()
    index.reindex([root / "coffee.py"])
    assert index.wait(60)
    assert "coffee.py grind" not in list_names(index, QUESTION)
    (root / ".starlingignore").write_text("tea.py\n", encoding="utf-8")
    index.reindex([root / ".starlingignore"])
    assert index.wait(60)
    assert "tea.py steep" not in list_names(index, "how leaves steep")


def test_a_file_that_no_model_may_see_is_not_embedded(make_index: Callable[..., Index], root: Path) -> None:
    model = Model()
    index = make_index(root, embedder=model)
    index.load()
    (root / ".starlingignore").write_text("coffee.py\n", encoding="utf-8")  # after it was indexed
    assert embed(index)
    assert model.seen
    assert not any("coffee.py" in text for text in model.seen)


def test_vectors_of_another_model_are_deleted_and_the_file_may_be_deleted(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root, embedder=Model())
    assert embed(index)
    (old,) = storage.glob("*-e1.vectors")
    index.close()
    other = make_index(root, embedder=Model("scripted 2"))
    assert list_names(other, QUESTION) == []
    assert embed(other)
    (new,) = storage.glob("*-e1.vectors")
    assert new != old
    new.unlink()
    assert list_names(other, QUESTION) == []
    assert embed(other)
    assert list_names(other, QUESTION)[0] == "coffee.py grind"


def test_a_model_that_fails_leaves_search_by_words_and_says_why(make_index: Callable[..., Index], root: Path) -> None:
    model = Model()
    index = make_index(root, embedder=model)
    assert embed(index)
    model.failure = "The model is broken; choose another one."
    assert list_names(index, "how leaves steep") == ["tea.py steep"]
    assert index.read_status().vectors.problem == model.failure


def test_embedding_ends_when_told_and_goes_on_later(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 1)
    model = Model()
    index = make_index(root, embedder=model)
    index.load()
    assert not index.vectors.embed_all(lambda: len(model.seen) < 2, lambda _: None)
    assert len(model.seen) == 2
    assert index.vectors.measure().vectors == 2
    assert embed(index)
    assert len(model.seen) == 4


def test_a_thread_embeds_in_pauses_of_the_person_and_ends_with_the_index(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_thread, "CHECK_S", 0.05)
    monkeypatch.setattr(embedding_thread, "QUIET_S", 1000.0)
    model = Model()
    index = make_index(root, embedder=model)
    document = Document((root / "tea.py").as_uri(), root / "tea.py", "python", "def brew(leaves):\n    return 1\n")
    index.open_document(document)
    index.vectors.start()
    index.vectors.note_edit()
    index.load()
    time.sleep(0.5)
    assert model.seen == []
    monkeypatch.setattr(embedding_thread, "QUIET_S", 0.0)
    deadline = time.monotonic() + 30
    while "tea.py brew" not in list_names(index, "make brew leaves") and time.monotonic() < deadline:
        time.sleep(0.05)
    while index.vectors.measure().share != 1.0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any(text.startswith("tea.py brew") for text in model.seen)
    assert list_names(index, QUESTION)[0] == "coffee.py grind"
    index.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "index-vectors"]
    assert model.closed


def test_one_process_at_a_time_embeds(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, embedder=Model())
    index.load()
    (lock,) = index.vectors._load().locks  # type: ignore[union-attr]
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        assert not embed(index)
    assert embed(index)
