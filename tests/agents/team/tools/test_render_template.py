"""`render_template`: asked before it renders, proposed as one edit, and a sentence where it cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.templates import RenderedFile, Rendering, TemplateFailed
from agents.team.permissions.rules import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agents.ports.templates import Answer
    from tests.agents.team.bench import TeamBench


class FakeTemplates:
    """Renders a file with the answer `name`, and each readable file of the template in capitals."""

    def __init__(self, own: Path, obstacle: str = "") -> None:
        self.own = own
        self.obstacle = obstacle
        self.rendered: list[Path] = []

    def find_obstacle(self) -> str:
        """Return the obstacle that was given."""
        return self.obstacle

    def list_own(self) -> tuple[str, ...]:
        """Return the names of the folders."""
        return tuple(sorted(one.name for one in self.own.iterdir()))

    def find_own(self, name: str) -> Path | None:
        """Return the folder `name`."""
        return self.own / name if name in self.list_own() else None

    def render(
        self, folder: Path, answers: Mapping[str, Answer], is_excluded: Callable[[Path], bool] = lambda _: False
    ) -> Rendering:
        """Return the files; fail without the answer."""
        self.rendered.append(folder)
        if "name" not in answers:
            raise TemplateFailed('The template was not rendered: Question "name" is required.')
        copied = [one for one in sorted(folder.iterdir()) if not is_excluded(one)]
        files = [RenderedFile(one.name, one.read_text().upper()) for one in copied]
        return Rendering((RenderedFile(f"{answers['name']}/start.py", "x = 1\n"), *files), ("logo.png",))


@pytest.fixture
def templates(bench: TeamBench, tmp_path: Path) -> FakeTemplates:
    """Return templates with an own one and one in the workspace."""
    for folder in (tmp_path / "own" / "service", bench.root / "skeleton"):
        folder.mkdir(parents=True)
        (folder / "notes.md").write_text("about\n")
    (bench.root / "skeleton" / "secret.txt").write_text("key\n")
    found = FakeTemplates(tmp_path / "own")
    bench.options["templates"] = found
    return found


async def test_it_is_asked_about_then_proposed_as_one_edit(bench: TeamBench, templates: FakeTemplates) -> None:
    text, failed = await bench.call("render_template", template="service", into="app", answers={"name": "shop"})
    assert not failed
    (asked,) = bench.gate.calls
    assert (asked.tool.name, asked.subject) == ("render_template", "Render the template service into app")
    assert len(bench.gate.proposals) == 1
    assert bench.read("app/shop/start.py") == "x = 1\n"
    assert "Files: app/shop/start.py, app/notes.md." in text
    assert "no text and were left out: logo.png" in text
    assert templates.rendered == [templates.own / "service"]


async def test_without_a_yes_nothing_is_rendered(bench: TeamBench, templates: FakeTemplates) -> None:
    bench.gate.answer = False
    _, failed = await bench.call("render_template", template="service", answers={"name": "shop"})
    assert failed
    assert (templates.rendered, bench.gate.proposals) == ([], [])


async def test_a_template_in_the_workspace_leaves_excluded_files_out(
    bench: TeamBench, templates: FakeTemplates
) -> None:
    text, failed = await bench.call("render_template", template="skeleton", into="app", answers={"name": "shop"})
    assert not failed, text
    assert templates.rendered == [bench.root / "skeleton"]
    assert not (bench.root / "app" / "secret.txt").exists()
    assert bench.read("app/notes.md") == "ABOUT\n"


async def test_existing_files_are_left_as_they_are(bench: TeamBench, templates: FakeTemplates) -> None:
    (bench.root / "notes.md").write_text("mine\n")
    text, _ = await bench.call("render_template", template="service", answers={"name": "shop"})
    assert "These exist and were left as they are: notes.md." in text
    assert bench.read("notes.md") == "mine\n"
    text, failed = await bench.call("render_template", template="service", answers={"name": "shop"})
    assert failed
    assert "Nothing is left to create" in text
    assert len(templates.rendered) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"template": "service"}, 'Question "name" is required'),
        ({"template": "nothing"}, "There is no template nothing; the person's own: service."),
        ({"template": "../outside"}, "outside"),
        ({"template": "service", "into": "../out", "answers": {"name": "a"}}, "outside"),
        ({"template": "service", "answers": {"name": "../../a"}}, "outside"),
    ],
)
async def test_what_is_wrong_is_said(
    bench: TeamBench, templates: FakeTemplates, arguments: dict[str, object], said: str
) -> None:
    text, failed = await bench.call("render_template", **arguments)
    assert failed
    assert said in text
    assert bench.gate.proposals == []
    assert len(templates.rendered) <= 1


async def test_without_copier_nobody_is_asked(bench: TeamBench, templates: FakeTemplates) -> None:
    templates.obstacle = "Copier is not installed."
    assert await bench.call("render_template", template="service") == ("Copier is not installed.", True)
    assert bench.gate.calls == []
    bench.options["templates"] = None
    text, failed = await bench.call("render_template", template="service")
    assert (text, failed) == ("No template can be rendered here; write the files without a template.", True)


@pytest.mark.parametrize("rules", [{"deny": ["edits path app/shop/"]}, {"ask": ["write_file path app/shop/**"]}])
async def test_files_that_a_rule_withholds_are_not_created(
    bench: TeamBench, templates: FakeTemplates, rules: dict[str, list[str]]
) -> None:
    bench.options["rules"] = RuleSet.parse(**rules)
    text, failed = await bench.call("render_template", template="service", into="app", answers={"name": "shop"})
    assert not failed, text
    assert "A rule of the person withholds these: app/shop/start.py." in text
    assert [one.name for one in (bench.root / "app").iterdir()] == ["notes.md"]


async def test_a_rule_that_allows_rendering_allows_no_edit(bench: TeamBench, templates: FakeTemplates) -> None:
    bench.options["rules"] = RuleSet.parse(allow=["render_template"])
    await bench.call("render_template", template="service", answers={"name": "shop"})
    assert (len(templates.rendered), bench.gate.rules) == (1, [""])
    assert [one.rule for one in bench.gate.calls] == ["allow render_template"]


async def test_a_template_in_a_folder_that_a_rule_denies_is_not_rendered(
    bench: TeamBench, templates: FakeTemplates
) -> None:
    bench.options["rules"] = RuleSet.parse(deny=["render_template path skeleton/"])
    text, failed = await bench.call("render_template", template="skeleton", answers={"name": "shop"})
    assert failed
    assert "A rule denies this call" in text
    assert templates.rendered == []
