"""Scenes for tasks from fixture strings, and runs of tasks on them with scripted models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from agents.edits import CreateFile, ProposedEdit, TextChange
from agents.tasks import running, task_registry
from agents.tasks.task import Nothing, Offer, Resources, Scene, TestRun
from indexing.syntax import languages
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax
from models.scripted.scripted_completion import ScriptedModel
from tests import marked
from tests.agents.doubles import ROOT, MemoryIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from agents.edits import Change
    from agents.findings import Finding
    from agents.tasks.task import Result
    from indexing.index import Index
    from models.chat import ChatModel
    from models.completion import FillRequest


@dataclass
class Workplace:
    """A workspace in memory: files, findings, and how tests end."""

    files: dict[str, str] = field(default_factory=dict)
    review: Callable[[Document], tuple[Finding, ...]] = lambda _: ()
    runs: tuple[TestRun, ...] = ()
    ran: list[Sequence[Sequence[Change]]] = field(default_factory=list)
    index: MemoryIndex = field(default_factory=MemoryIndex)
    cancelled: Callable[[], bool] = lambda: False

    def run_tests(self, candidates: Sequence[Sequence[Change]], _: Path) -> Sequence[TestRun]:
        self.ran.append(candidates)
        return self.runs

    def make_resources(self, model: ScriptedModel | None) -> Resources:
        return Resources(
            cast("Index", self.index),
            model,
            review=self.review,
            read=lambda path: self.files.get(path.relative_to(ROOT).as_posix()),
            files=lambda: [ROOT / name for name in self.files],
            roots=(ROOT,),
            run_tests=self.run_tests,
            cancelled=self.cancelled,
        )


def make_scene(fixture: str, name: str = "main.py", findings: tuple[Finding, ...] = ()) -> tuple[Scene, Workplace]:
    """Return the scene at the fixture's `$0`, and the workspace of its files."""
    case = marked.parse(fixture, name)
    assert case.cursor is not None
    path = ROOT / case.cursor[0]
    document = Document(path.as_uri(), path, languages.detect(path), case.text, 1)
    span = Span(case.cursor[1], case.cursor[1])
    return Scene(document, Syntax.of(document), span, findings), Workplace(dict(case.files))


def find_offer(task: str, fixture: str, name: str = "main.py") -> Offer | None:
    """Return the offer of the task at the fixture's `$0`, None for none."""
    scene, _ = make_scene(fixture, name)
    found = task_registry.find_task(task)
    assert found is not None
    return found.offer(scene)


def run_task(
    task: str,
    scene: Scene,
    workplace: Workplace,
    says: Mapping[str, str] | Callable[[FillRequest], str] | ScriptedModel | None,
) -> Result:
    """Run a task on a scene and return its result; the completion model answers `says`, None for no model."""
    found = task_registry.find_task(task)
    assert found is not None
    model = says if isinstance(says, ScriptedModel) or says is None else ScriptedModel(says)
    return running.propose(found, scene, workplace.make_resources(model))


def apply_task(
    task: str, fixture: str, says: Mapping[str, str] | Callable[[FillRequest], str], name: str = "main.py"
) -> str:
    """Run a task at the fixture's `$0` and return the text of the changed file; the model answers `says`."""
    scene, workplace = make_scene(fixture, name)
    result = run_task(task, scene, workplace, says)
    assert isinstance(result, ProposedEdit), result
    (change,) = result.changes
    assert isinstance(change, TextChange | CreateFile)
    return change.after if isinstance(change, TextChange) else change.text


def get_refusal(task: str, fixture: str, says: Mapping[str, str] | None, name: str = "main.py") -> str:
    """Run a task at the fixture's `$0`, and return the reason why it proposes nothing."""
    scene, workplace = make_scene(fixture, name)
    result = run_task(task, scene, workplace, says)
    assert isinstance(result, Nothing), result
    return result.reason


def run_chat_task(
    task: str,
    scene: Scene,
    workplace: Workplace,
    chat: ChatModel | None,
    stream: Callable[[str], None] | None = None,
    *,
    model: ScriptedModel | None = None,
) -> Result:
    """Run a task on a scene with a chat model and a completion model, None for none, and return its result."""
    found = task_registry.find_task(task)
    assert found is not None
    return running.propose(found, scene, replace(workplace.make_resources(model), chat=chat, stream=stream))


def read_after(result: Result) -> str:
    """Return the text of the only document that a proposal changes, after the change."""
    assert isinstance(result, ProposedEdit), result
    (change,) = result.changes
    assert isinstance(change, TextChange)
    return change.after
