"""The workflow `engineering` end to end: a real repository, template and runs of tests, a scripted model."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from agents.team.events import CallEnded, TurnStatus
from server.gate.trials import templates
from server.gate.trials.templates import CopierTemplates
from tests.agents.team.workflows.flows import (
    ADD,
    AREA,
    HEAD,
    Died,
    Flow,
    call,
    make_repository,
    replace,
    section,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the double of the runner uses /bin/sh")

TEST = f"{HEAD}        self.assertEqual(area.triple(2), 6)\n"
OLD = f"{HEAD.replace('Triple', 'Double').replace('triple', 'double')}        self.assertEqual(area.double(2), 4)\n"
DESIGN = section("design how it is built", "area.py gets triple(x); shapes/ is for later.")
RENDER = call("render_template", template="package", answers={"name": "shapes"})
PREPARE = section("Prepare the ground for the developer", RENDER, "shapes/ is there.")
DEVELOP = section("Write the code, test by test", ADD, "triple is there.")
VERIFY = section("Add the tests that are missing", write("test_area.py", TEST), "One test: 2 gives 6.")
PAGE = DESIGN + PREPARE.replace('"package"', '"skeleton"') + DEVELOP + VERIFY
PASSING = DESIGN + PREPARE + DEVELOP + VERIFY
PATH = ["design", "prepare", "develop", "verify", "green", "commit"]
WRONG = ADD.replace("3 * x", "4 * x")


@pytest.fixture
def repository(bench: TeamBench, tmp_path: Path) -> TeamBench:
    """Return a workspace that is a repository, with a template of the person's own."""
    make_repository(bench.root, {"area.py": AREA})
    folder = tmp_path / "own" / "package" / "{{ name }}"
    folder.mkdir(parents=True)
    (folder.parent / "copier.yml").write_text("name:\n  type: str\n")
    (folder / "__init__.py.jinja").write_text('"""{{ name }}."""\n')
    bench.options["templates"] = CopierTemplates(tmp_path / "own")
    return bench


@pytest.mark.skipif(importlib.util.find_spec("copier") is None, reason="the extra is not installed")
async def test_a_design_is_prepared_from_a_template_built_tested_and_committed(
    repository: TeamBench, store: SessionStore
) -> None:
    flow = Flow(repository, store, PASSING, "engineering")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH
    assert flow.git("show", "--format=", "--name-only") == "area.py\nshapes/__init__.py\ntest_area.py\n"
    assert repository.read("shapes/__init__.py") == '"""shapes."""\n'
    asked = [one.messages[1].text for one in flow.bench.chat.requests]
    assert any("shapes/ is for later" in one and "Prepare the ground" in one for one in asked)


async def test_without_copier_the_preparer_is_told_and_goes_on(
    repository: TeamBench, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "PACKAGE", "a_package_that_does_not_exist")
    flow = Flow(repository, store, PASSING, "engineering")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    said = [one.text for one in flow.events if isinstance(one, CallEnded) and one.tool == "render_template"]
    assert said == [templates.MISSING]
    assert flow.git("show", "--format=", "--name-only") == "area.py\ntest_area.py\n"


async def test_failing_tests_go_back_three_times_then_the_workflow_ends(
    repository: TeamBench, store: SessionStore
) -> None:
    develop = section("Write the code, test by test", WRONG, "triple is there.")
    fix = section("It was built, and tests fail", "I see nothing wrong.")
    prepare = section("Prepare the ground for the developer", "Nothing to prepare.")
    flow = Flow(repository, store, DESIGN + prepare + develop + VERIFY + fix, "engineering")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "The tests still fail after three iterations." in ended.text
    assert flow.steps.count("fix") == 3
    assert flow.git("log", "--format=%s") == "first\n"


async def test_a_fix_gets_the_failures_and_may_change_no_test(repository: TeamBench, store: SessionStore) -> None:
    develop = section("Write the code, test by test", WRONG, "triple is there.")
    fix = section(
        "It was built, and tests fail",
        replace("test_area.py", "6", "8"),
        replace("area.py", "4 * x", "3 * x"),
        "It was 4.",
    )
    prepare = section("Prepare the ground for the developer", "Nothing to prepare.")
    flow = Flow(repository, store, DESIGN + prepare + develop + VERIFY + fix, "engineering")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == [*PATH[:5], "iterations", "fix", "green", "commit"]
    assert repository.read("test_area.py") == TEST
    fixing = next(one for one in flow.bench.chat.requests if "It was built, and tests fail" in one.messages[1].text)
    assert "test_triple" in fixing.messages[1].text


@pytest.mark.parametrize("step", PATH)
async def test_after_a_kill_the_workflow_goes_on_at_the_open_step(
    repository: TeamBench, store: SessionStore, step: str
) -> None:
    prepare = section("Prepare the ground for the developer", "Nothing to prepare.")
    flow = Flow(repository, store, DESIGN + prepare + DEVELOP + VERIFY, "engineering", die_at=step)
    with pytest.raises(Died):
        await flow.run()
    assert (await flow.run()).status is TurnStatus.DONE
    assert flow.steps == PATH
    assert flow.git("rev-list", "--count", "HEAD") == "2\n"
