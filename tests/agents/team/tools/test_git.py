"""The tools of git, in a real repository."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import RuleSet
from tests.agents.team.bench import DirectRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agents.team.bench import TeamBench


@pytest.fixture
def repository(bench: TeamBench, monkeypatch: pytest.MonkeyPatch) -> TeamBench:
    """Return a workspace that is a repository with one commit and two changes, one of them in an excluded file."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    bench.write("#- area.py\nx = 1\n#- secret.py\nkey = 1\n")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "Begin")):
        subprocess.run(("git", *arguments), cwd=bench.root, check=True)
    (bench.root / "area.py").write_text("x = 2\n")
    (bench.root / "secret.py").write_text("key = 2\n")
    bench.options["commands"] = DirectRunner()
    return bench


async def test_status_and_log_are_read_without_a_question(repository: TeamBench) -> None:
    assert (await repository.call("git_status"))[0] == "## main\n M area.py\n M secret.py"
    assert "Ada: Begin" in (await repository.call("git_log"))[0]
    assert repository.gate.calls == []
    assert not any(one.writes for one in repository.options["commands"].requests)


async def test_a_diff_leaves_the_text_of_excluded_files_out(repository: TeamBench) -> None:
    text, _ = await repository.call("git_diff")
    assert "+x = 2" in text
    assert "key" not in text
    assert "[1 more changed files are excluded or too many: secret.py]" in text
    assert (await repository.call("git_diff", path="secret.py"))[1]
    assert (await repository.call("git_diff", staged=True))[0] == "[no changes]"


@pytest.mark.parametrize("revision", ["--output=x", "-p", "HEAD:secret.py", "a b"])
async def test_a_revision_is_no_option_and_no_file(revision: str, repository: TeamBench) -> None:
    text, failed = await repository.call("git_log", revision=revision)
    assert (failed, "is no revision" in text) == (True, True)


@pytest.mark.skipif(sys.platform == "win32", reason="the program that would be started is a shell script")
async def test_a_log_starts_no_program_that_would_check_signatures(repository: TeamBench, tmp_path: Path) -> None:
    def git(*arguments: str, given: str = "") -> str:
        made = subprocess.run(
            ("git", *arguments), cwd=repository.root, check=True, input=given, capture_output=True, text=True
        )
        return made.stdout

    program, trap = tmp_path / "program", tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o700)
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
    signed = git("hash-object", "-t", "commit", "-w", "--stdin", given=f"{head}\n{signature}\n\n{message}").strip()
    git("update-ref", "HEAD", signed)
    git("config", "gpg.program", str(program))
    git("config", "log.showSignature", "true")
    assert "Ada: Begin" in (await repository.call("git_log"))[0]
    assert not trap.exists()


async def test_a_commit_is_asked_about_and_holds_only_the_named_files(repository: TeamBench) -> None:
    (repository.root / "other.py").write_text("y = 1\n")
    text, failed = await repository.call("git_commit", message="Change x", paths=["area.py"])
    assert not failed, text
    (call,) = repository.gate.calls
    assert call.subject == "git add -- area.py && git commit -m 'Change x' -- area.py"
    assert "?? other.py" in (await repository.call("git_status"))[0]
    assert "Change x" in (await repository.call("git_log"))[0]


async def test_an_excluded_file_is_not_committed(repository: TeamBench) -> None:
    text, failed = await repository.call("git_commit", message="Oops", paths=["secret.py"])
    assert (failed, "is excluded" in text, repository.gate.calls) == (True, True, [])


async def test_a_branch_is_created_and_merged(repository: TeamBench) -> None:
    assert not (await repository.call("git_branch", name="try"))[1]
    assert (await repository.call("git_status"))[0].startswith("## try")
    assert not (await repository.call("git_merge", branch="main"))[1]


async def test_a_rule_about_commands_holds_for_these_tools_and_plan_mode_denies_them(repository: TeamBench) -> None:
    repository.options["rules"] = RuleSet.parse(deny=["execute_command command git push *"])
    text, failed = await repository.call("git_push", branch="main")
    assert (failed, "A rule denies" in text) == (True, True)
    repository.options["mode"] = Mode.PLAN
    assert "In plan mode no command runs" in (await repository.call("git_branch", name="try"))[0]
    assert not (await repository.call("git_status"))[1]


async def test_where_no_command_can_be_run_the_agent_is_told_so(bench: TeamBench) -> None:
    assert "No command can be run here" in (await bench.call("git_status"))[0]


@pytest.fixture
def folders(repository: TeamBench, tmp_path: Path) -> TeamBench:
    """Return a workspace of two folders, each a repository; the second has a change, too."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "price.py").write_text("p = 1\n")
    for arguments in (("init", "-q", "-b", "trunk"), ("add", "."), ("commit", "-q", "-m", "Begin the other")):
        subprocess.run(("git", *arguments), cwd=other, check=True)
    (other / "price.py").write_text("p = 2\n")
    repository.options["roots"] = (repository.root, other)
    return repository


async def test_without_a_path_each_workspace_folder_is_looked_at(folders: TeamBench) -> None:
    name = folders.root.name
    assert (await folders.call("git_status"))[0] == (
        f"[{name}]\n## main\n M area.py\n M secret.py\n\n[other]\n## trunk\n M price.py"
    )
    text, _ = await folders.call("git_diff")
    assert text.index("+x = 2") < text.index("[other]") < text.index("+p = 2")
    assert "key" not in text
    text, _ = await folders.call("git_log")
    assert text.index("Ada: Begin") < text.index("[other]") < text.index("Ada: Begin the other")


async def test_a_path_is_looked_up_in_its_own_workspace_folder(folders: TeamBench) -> None:
    text, failed = await folders.call("git_diff", path="price.py")
    assert ("+p = 2" in text, "x = 2" in text, failed) == (True, False, False)
    text, failed = await folders.call("git_log", path="price.py")
    assert ("Begin the other" in text, failed) == (True, False)


async def test_files_are_committed_in_their_own_workspace_folder(folders: TeamBench) -> None:
    text, failed = await folders.call("git_commit", message="Change p", paths=["price.py"])
    assert not failed, text
    assert "Change p" in (await folders.call("git_log", path="price.py"))[0]
    text, failed = await folders.call("git_commit", message="Both", paths=["price.py", "area.py"])
    assert (failed, "commit those of each by themselves" in text) == (True, True)


async def test_a_folder_without_a_repository_does_not_hide_the_others(folders: TeamBench, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    folders.options["roots"] = (tmp_path / "plain", *folders.options["roots"])
    text, failed = await folders.call("git_status")
    assert not failed
    assert "[plain]\ngit failed:" in text
    assert "## trunk" in text
    folders.options["roots"] = (tmp_path / "plain",) * 2
    assert (await folders.call("git_status"))[1]
