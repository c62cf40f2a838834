"""Files of workflows: the bundled ones, a person's own, a workspace's, and sentences about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.team.limits import TurnLimits
from agents.team.role_files import Origin, load_roles
from agents.team.workflows.workflow_files import LONGEST, WORKSPACE_FOLDER, load_workflows, parse_workflow

GOOD = """
title = "Mine"
description = "Asks."
[limits]
steps = 2000
[[steps]]
name = "ask"
kind = "agent"
role = "ask"
prompt = "{request}"
"""


def test_the_bundled_workflows_need_only_bundled_roles() -> None:
    loaded = load_workflows(load_roles())
    assert {"board", "debug", "deploy", "engineering", "product_owner", "tdd"} <= set(loaded.by_name)
    assert loaded.problems == ()
    assert loaded.get("TDD") is loaded.by_name["tdd"]
    assert loaded.by_name["tdd"].get_step("none") is None


def test_a_persons_own_workflow_may_replace_a_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "tdd.toml").write_text(GOOD)
    loaded = load_workflows(load_roles(), tmp_path)
    assert (loaded.by_name["tdd"].content.title, loaded.by_name["tdd"].origin) == ("Mine", Origin.OWN)


def test_a_workspaces_workflow_replaces_none_and_has_the_limits_of_the_bundled_one(tmp_path: Path) -> None:
    folder = tmp_path / WORKSPACE_FOLDER
    folder.mkdir(parents=True)
    for name in ("tdd", "mine"):
        (folder / f"{name}.toml").write_text(GOOD)
    loaded = load_workflows(load_roles(), None, [tmp_path])
    assert loaded.by_name["tdd"].origin is Origin.BUNDLED
    assert loaded.problems == ("The workspace's workflow tdd has the name of another one and is not used.",)
    assert loaded.by_name["mine"].content.limits.steps == 400


def test_a_link_out_of_the_workspace_and_a_large_file_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "workspace" / WORKSPACE_FOLDER
    folder.mkdir(parents=True)
    (tmp_path / "outside.toml").write_text(GOOD)
    (folder / "link.toml").symlink_to(tmp_path / "outside.toml")
    (folder / "large.toml").write_text(GOOD + "#" * LONGEST)
    loaded = load_workflows(load_roles(), None, [tmp_path / "workspace"])
    assert "large" not in loaded.by_name
    assert "link" not in loaded.by_name
    assert len(loaded.problems) == 2
    assert "leads out of the workspace" in loaded.problems[1]


def test_a_workflow_with_an_unknown_role_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD.replace('role = "ask"', 'role = "nobody"'))
    loaded = load_workflows(load_roles(), tmp_path)
    assert "mine" not in loaded.by_name
    assert loaded.problems == ("The workflow mine needs the role nobody, which is missing; it is not used.",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "agent"', 'kind = "magic"', "steps.0"),
        ("steps = 2000", "steps = 3000", "limits.steps"),
        ("{request}", "{password}", "has {password}; there are {request}"),
        ("{request}", "{answer:none}", "names the step none, which does not exist"),
        ('role = "ask"', 'role = "ask"\nthen = "none"', "names the step none"),
        ('role = "ask"', 'role = "ask"\nshell = "rm"', "Extra inputs"),
        ("[limits]", "[[steps]]\nname = 'ask'\nkind = 'stop'\ntext = 'x'\n[limits]", "several steps with the name ask"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_workflow("mine", GOOD.replace(old, new))
    assert said in str(raised.value)


def test_a_name_with_other_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="no name of a workflow"):
        parse_workflow("My Flow", GOOD)


def test_text_in_braces_that_is_no_placeholder_is_left_alone() -> None:
    parse_workflow("mine", GOOD.replace("{request}", "Answer like this: {'a': 1} {}"))


def test_the_persons_limit_of_cost_holds_for_the_whole_workflow() -> None:
    limits = parse_workflow("mine", GOOD).limits.make_turn_limits(TurnLimits(steps=3, cost=1.5, agents=2))
    assert (limits.steps, limits.cost, limits.agents) == (2000, 1.5, 120)


def test_the_example_in_the_documentation_is_a_workflow() -> None:
    text = (Path(__file__).parents[4] / "docs" / "workflows.md").read_text("utf-8")
    example = text.rpartition("```toml\n")[2].partition("```")[0]
    assert [one.kind for one in parse_workflow("mine", example).steps] == ["agent", "tests", "rounds", "stop"]


BOARD = """
title = "Mine"
description = "Decides."
[[steps]]
name = "asked"
kind = "verdicts"
roles = ["cfo", "risk"]
prompt = "{request}"
then = "decided"
[[steps]]
name = "decided"
kind = "decision"
of = "asked"
role = "ceo"
prompt = "{request}"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('of = "asked"', 'of = "decided"', "decides after decided, which is no step of the kind verdicts"),
        ('of = "asked"', 'of = "gone"', "names the step gone, which does not exist"),
        ('["cfo", "risk"]', '["cfo", "cfo"]', "a role is named twice"),
        ('["cfo", "risk"]', "[]", "steps.0.verdicts.roles"),
        ('prompt = "{request}"', 'prompt = "{password}"', "has {password}"),
    ],
)
def test_what_is_wrong_with_a_board_is_said_in_a_sentence(old: str, new: str, said: str) -> None:
    parse_workflow("mine", BOARD)
    with pytest.raises(ValueError, match=r".") as raised:
        parse_workflow("mine", BOARD.replace(old, new))
    assert said in str(raised.value)


def test_a_board_with_an_unknown_role_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(BOARD.replace("risk", "nobody"))
    loaded = load_workflows(load_roles(), tmp_path)
    assert loaded.problems == ("The workflow mine needs the role nobody, which is missing; it is not used.",)
