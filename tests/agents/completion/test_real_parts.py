"""The generator with the real index and the bundled model, where other tests use doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.suggestions import Completion, Origin, Trigger
from indexing.index import Index
from indexing.syntax.documents import Document
from models.catalog.catalog import DEFAULT_MODEL, Catalog
from models.local.loading import load
from tests import marked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.completion import CompletionModel

WORKSPACE = """
#- shapes/circle.py
def describe(shape, unit):
    area = shape.area()
    perimeter = shape.perimeter()
    label = f"{shape.name}: {area:.2f} {unit}2, around {perimeter:.2f} {unit}"
    return Label(label, color=shape.color, size=12)
#- shapes/square.py
def describe(shape, unit):
    area = shape.area()
    perimeter = shape.perimeter()
    label = f"{shape.name}: {area:.2f} {unit}2, around {perimeter:.2f} {unit}"
    return Label(label, color=shape.color, size=12)
#- shapes/triangle.py
def describe(shape, unit):
    area = shape.area()
    perimeter = shape.perimeter()
    label = f"{shape.name}: {area:.2f} {unit}2, around {perimeter:.2f} {unit}"
    $0
#- .env
describe = shape.area()
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marked.parse(WORKSPACE).write(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def index(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    index = Index([workspace], storage=tmp_path_factory.mktemp("index"))
    index.start()
    assert index.wait(60)
    yield index
    index.close()


@pytest.fixture(scope="module")
def model() -> Iterator[CompletionModel]:
    entry = Catalog.load(None).get(DEFAULT_MODEL)
    assert entry is not None
    model = load(entry, device="cpu", threads=1)
    yield model
    model.close()


def complete(
    workspace: Path,
    index: Index,
    model: CompletionModel | None,
    *,
    path: str = "shapes/triangle.py",
    text: str | None = None,
    offset: int | None = None,
    trigger: Trigger = Trigger.AUTOMATIC,
    limit: int = 1,
) -> Completion:
    """Complete at the `$0` of the workspace's fixture, or at `offset` of `text` in the file at `path`."""
    case = marked.parse(WORKSPACE)
    assert case.cursor is not None
    text = case.text if text is None else text
    file = workspace / path
    document = Document(file.as_uri(), file, "python", text, 1)
    index.open_document(document)
    generator = Generator(index, model, policy=CompletionPolicy(threshold=0.2, recall_ms=10_000))
    try:
        return generator.complete(
            document,
            case.cursor[1] if offset is None else offset,
            trigger=trigger,
            cancelled=lambda: False,
            limit=limit,
        )
    finally:
        generator.close()
        index.close_document(document.uri)


def test_without_a_model_code_of_two_files_is_suggested_in_a_third(workspace: Path, index: Index) -> None:
    found = complete(workspace, index, None)
    (shown,) = found.suggestions
    assert shown.origin is Origin.RECALL
    assert shown.text.startswith("return Label(label, color")
    assert "return Label(label, color=shape.color, size=12)".startswith(shown.text)


def test_a_secret_file_is_not_completed(workspace: Path, index: Index) -> None:
    assert complete(workspace, index, None, path=".env", text="describe = ", offset=11).why_empty == "excluded"


def test_the_model_answers_a_person_who_asks_where_nothing_is_recalled(
    workspace: Path, index: Index, model: CompletionModel
) -> None:
    text = "import os\n\n\ndef read(path):\n    with open("
    found = complete(
        workspace, index, model, path="new.py", text=text, offset=len(text), trigger=Trigger.INVOKED, limit=3
    )
    assert found.suggestions
    assert found.model_ms > 0
    assert all(one.start == one.end == len(text) for one in found.suggestions)
    assert any(one.model == DEFAULT_MODEL for one in found.suggestions)


def test_the_model_scores_recalled_text(workspace: Path, index: Index, model: CompletionModel) -> None:
    found = complete(workspace, index, model, trigger=Trigger.INVOKED, limit=3)
    assert "return Label(label, color=shape.color, size=12)" in [one.text for one in found.suggestions]


@pytest.mark.parametrize(
    "text", ["\ufeff", "\U0001f600 = '\ud800'\nx = ", "\x00\x01\x02" * 50, "(" * 3000, "\r\n" * 50]
)
def test_unusual_documents_get_an_answer(workspace: Path, index: Index, model: CompletionModel, text: str) -> None:
    found = complete(
        workspace,
        index,
        model,
        path="strange.py",
        text=text,
        offset=len(text),
        trigger=Trigger.INVOKED,
    )
    assert bool(found.suggestions) != bool(found.why_empty)
