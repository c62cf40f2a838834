"""Each page about a workflow shows a run as it is now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.team.role_files import load_roles
from agents.team.workflows.workflow_files import load_workflows, parse_workflow
from tests.server.cli.team.workflow_pages import BLOCK, PAGES, RUNS, Run, play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="the command line has a path with backslashes")
@pytest.mark.parametrize("wanted", RUNS, ids=[one.workflow for one in RUNS])
def test_the_page_shows_a_run_of_today(tmp_path: Path, wanted: Run) -> None:
    """Compares the lines without their order, because agents that work at once end in any order."""
    if wanted.workflow == "engineering":
        pytest.importorskip("copier")
    shown = BLOCK.search(wanted.page.read_text("utf-8"))
    assert shown is not None
    assert sorted(shown[0].splitlines()) == sorted(play(wanted, tmp_path).splitlines()), (
        "renew the pages with `python -m tests.server.cli.team.workflow_pages`"
    )


def test_the_pages_name_and_describe_workflows_that_exist() -> None:
    overview = (PAGES / "workflows.md").read_text("utf-8")
    known = load_workflows(load_roles()).by_name
    for one in RUNS:
        assert one.workflow in known
        assert f"(workflow-{one.workflow}.md)" in overview


def test_the_example_of_a_board_is_a_workflow() -> None:
    text = (PAGES / "workflow-board.md").read_text("utf-8")
    example = text.rpartition("```toml\n")[2].partition("```")[0]
    assert [one.kind for one in parse_workflow("mine", example).steps] == ["verdicts", "decision"]
