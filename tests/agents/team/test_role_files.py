"""Files of roles: the bundled ones, a person's own, a workspace's, and those that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.team import role_files
from agents.team.limits import TurnLimits
from agents.team.role_files import BUNDLED, CAPABILITIES, ROUTER, WORKSPACE_FOLDER, Origin, load_roles, parse_role
from agents.team.tools.all_tools import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "orchestrator", "coder", "architect", "debug", "ask", "reviewer", "tester", "product_owner", "analyst",
    "resource_keeper", "preparer", "developer", "tech_lead", "ceo", "cfo", "risk", "legal", "security", "performance",
    "deployer",
}  # fmt: skip
ADVISERS = ("ask", "legal", "cfo")
READERS = ("ask", "reviewer", "legal", "cfo", "risk", "security", "performance", "tech_lead")


def write_role(folder: Path, name: str, prompt: str = "You help.", **head: Any) -> Path:
    """Write the file of a role into `folder` and return its path."""
    fields = {"title": '"T"', "description": '"D."'} | {
        key: str(value).replace("'", '"') for key, value in head.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    lines = "\n".join(f"{key} = {value}" for key, value in fields.items())
    path.write_text(f"+++\n{lines}\n+++\n{prompt}\n", "utf-8")
    return path


def test_all_bundled_roles_are_there_and_have_no_problems() -> None:
    roles = load_roles()
    assert set(roles.by_name) == NAMES
    assert next(iter(roles.by_name)) == ROUTER
    assert roles.problems == ()
    assert {one.origin for one in roles.by_name.values()} == {Origin.BUNDLED}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_bundled_prompt_is_short_and_says_how_to_finish(name: str) -> None:
    role = load_roles().by_name[name]
    text = (BUNDLED / f"{name}.md").read_text("utf-8")
    assert len(text) < 3000, "a small model has to read it with each request"
    assert text.isascii()
    assert any(word in role.prompt for word in ("Finish with", "Begin with the answer")), role.prompt
    assert role.description.endswith(".")
    assert name not in role.may_ask


def test_what_a_role_says_fits_what_it_can_do() -> None:
    roles = load_roles().by_name
    editing = {capability for tool in TOOLS if tool.tool.edits for capability in tool.capabilities}
    running = {capability for tool in TOOLS if tool.name == "execute_command" for capability in tool.capabilities}
    for name in READERS:
        changing = set(roles[name].capabilities) & editing
        assert changing <= {"project_management"}, name
    for name in ADVISERS:
        assert not set(roles[name].capabilities) & running, name
    assert roles["ask"].capabilities == ()
    assert set(roles[ROUTER].may_ask) == NAMES - {ROUTER}


def test_every_capability_set_with_tools_has_a_role() -> None:
    used = {capability for role in load_roles().by_name.values() for capability in role.capabilities}
    assert used == set(CAPABILITIES) - {"admin"}, "admin is for a person's own roles"


@pytest.mark.parametrize(("name", "text", "said"), [
    ("Helper", "", "'Helper' is no name of a role; use small letters"),
    ("../x", "", "is no name of a role"),
    ("a" * 41, "", "is no name of a role"),
    ("x", "", "A role begins with a head in TOML"),
    ("x", "You help.", "A role begins with a head in TOML"),
    ("x", '+++\ntitle = "T"\n', "A role begins with a head in TOML"),
    ("x", '+++\ntitle = "T"\ndescription = "D."\n+++\n  \n', "then comes its prompt"),
    ("x", "+++\ntitle = T\n+++\nYou help.", "Invalid value"),
    ("x", '+++\ntitle = "T"\n+++\nYou help.', "Its head is wrong at description: Field required."),
    ("x", '+++\ntitle = "T"\ndescription = "D."\nmode = "act"\n+++\nYou help.', "wrong at mode: Extra inputs"),
    ("x", '+++\ntitle = "T"\ndescription = "D."\nsteps = 0\n+++\nYou help.', "wrong at steps: "),
    ("x", '+++\ntitle = "T"\ndescription = "D."\ntemperature = 9\n+++\nYou help.', "wrong at temperature: "),
    ("x", '+++\ntitle = "T"\ndescription = "D."\nmay_ask = "coder"\n+++\nYou help.', "wrong at may_ask: "),
    ("x", '+++\ntitle = "T"\ndescription = "D."\ncapabilities = ["root"]\n+++\nYou help.', "sets are wrong (root)"),
    ("x", '+++\ntitle = "T"\ndescription = "D."\nloaded = ["deploy"]\n+++\nYou help.', "sets are wrong (deploy)"),
    ("x", "+++\n" + "a = " + "[" * 9999 + "\n+++\nYou help.", "nested too deeply"),
    ("x", "+++\n" + ".".join("a" * 99) + " = 1\n+++\nYou help.", "too many parts"),
])  # fmt: skip
def test_a_bad_file_is_refused_with_a_sentence(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        parse_role(name, text)
    assert said in str(refused.value)


def test_line_ends_of_windows_are_read() -> None:
    role = parse_role("x", '+++\r\ntitle = "T"\r\ndescription = "D."\r\n+++\r\nYou help.\r\n')
    assert (role.title, role.prompt) == ("T", "You help.")


def test_a_persons_own_role_is_added_and_may_replace_a_bundled_one(tmp_path: Path) -> None:
    write_role(tmp_path, "gardener", capabilities=["admin"], loaded=["admin"])
    write_role(tmp_path, "coder", "You write Rust.")
    roles = load_roles(tmp_path)
    assert (roles.by_name["gardener"].capabilities, roles.by_name["gardener"].origin) == (("admin",), Origin.OWN)
    assert (roles.by_name["coder"].prompt, roles.problems) == ("You write Rust.", ())
    assert load_roles().by_name["coder"].origin is Origin.BUNDLED


def test_a_role_that_names_unknown_delegates_is_a_problem(tmp_path: Path) -> None:
    write_role(tmp_path, "gardener", may_ask=["coder", "smith"])
    assert load_roles(tmp_path).problems == ("The role gardener may ask smith, and there is no such role.",)


def test_files_that_cannot_be_used_are_said_and_the_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_role(tmp_path, "big", "x" * role_files.LONGEST)
    (tmp_path / "binary.md").write_bytes(b"+++\n\xff\xfe\0\n+++\n")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "nowhere.md").symlink_to(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("no role")
    write_role(tmp_path, "good")
    roles = load_roles(tmp_path)
    assert set(roles.by_name) == NAMES | {"good"}
    assert [one.split(".md is not used: ")[0].rpartition("/")[2] for one in roles.problems] == [
        "big", "binary", "folder", "nowhere",
    ]  # fmt: skip
    monkeypatch.setattr(role_files, "MOST_ROLES", 2)
    assert "has 5 roles; only the first 2 are used" in load_roles(tmp_path).problems[0]


def test_a_folder_that_is_missing_or_no_folder_has_no_roles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "none", tmp_path / "file"):
        assert set(load_roles(folder).by_name) == NAMES


def test_a_workspaces_role_never_exceeds_the_bundled_coder(tmp_path: Path) -> None:
    own, workspace = tmp_path / "own", tmp_path / "workspace"
    write_role(own, "coder", capabilities=["admin"], may_ask=["deployer"], steps=1000)
    write_role(
        workspace / WORKSPACE_FOLDER, "helper", capabilities=["engineering", "admin", "deploy"],
        loaded=["admin", "engineering"], may_ask=["deployer", "tester"], steps=1000, tokens=10_000_000,
        model="'review'",
    )  # fmt: skip
    role = load_roles(own, [workspace]).by_name["helper"]
    assert (role.capabilities, role.loaded, role.may_ask) == (("engineering",), ("engineering",), ("tester",))
    assert (role.limits.steps, role.limits.tokens) == (TurnLimits().steps, TurnLimits().tokens)
    assert (role.model, role.origin) == ("chat", Origin.WORKSPACE)


def test_a_workspaces_role_cannot_take_the_name_of_another_or_be_asked_by_one(tmp_path: Path) -> None:
    for name in ("coder", "debug", "gardener"):
        write_role(tmp_path / "w" / WORKSPACE_FOLDER, name, "You obey the workspace.")
    write_role(tmp_path / "own", "gardener")
    roles = load_roles(tmp_path / "own", [tmp_path / "w"])
    assert len(roles.problems) == 3
    assert all("has the name of another role and is not used" in one for one in roles.problems)
    assert all("obey the workspace" not in one.prompt for one in roles.by_name.values())


def test_a_workspaces_link_to_a_file_outside_is_not_read(tmp_path: Path) -> None:
    outside = write_role(tmp_path / "outside", "taken", "A private text.")
    folder = tmp_path / "w" / WORKSPACE_FOLDER
    folder.mkdir(parents=True)
    (folder / "taken.md").symlink_to(outside)
    roles = load_roles(None, [tmp_path / "w"])
    assert "taken" not in roles.by_name
    assert "a link that leads out of the workspace" in roles.problems[0]
    (folder / "taken.md").unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path / "outside", target_is_directory=True)
    assert "taken" not in load_roles(None, [tmp_path / "w"]).by_name
