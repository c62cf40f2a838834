"""Deployments by a push to a real repository, by the person's own commands, and with a double of Docker."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.deployments import Action, DeploymentUnavailable
from tests.server.deployment.deploying import run_git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.deployment.deploying import Deploying

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Return an empty repository that gets pushes."""
    run_git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    return tmp_path / "remote.git"


def show(remote: Path, name: str) -> str:
    """Return a file of the branch in the repository that got a push."""
    return run_git(remote, "show", f"main:{name}")


async def test_a_commit_is_pushed_and_a_rollback_pushes_the_earlier_files(deploying: Deploying, remote: Path) -> None:
    deploying.aim("push", url=str(remote), branch="main")
    first = await deploying.deploy()
    assert first.succeeded, first.text
    second = deploying.commit("version 2")
    assert (await deploying.deploy()).succeeded
    assert show(remote, "app.txt") == "version 2"
    assert second in (await deploying.do(Action.STATUS)).text
    back = await deploying.do(Action.ROLL_BACK)
    assert back.succeeded, back.text
    assert show(remote, "app.txt") == "version 1"
    assert run_git(remote, "log", "--format=%s", "main").splitlines()[1:] == [
        "version 2",
        "version 1",
    ]  # nothing was forced
    assert deploying.git("rev-parse", "HEAD").strip() == second


async def test_a_rollback_is_rejected_once_the_branch_has_gone_on(
    deploying: Deploying, remote: Path, tmp_path: Path
) -> None:
    deploying.aim("push", url=str(remote), branch="main")
    await deploying.deploy()
    deploying.commit("version 2")
    await deploying.deploy()
    other = tmp_path / "other"
    run_git(tmp_path, "clone", "-q", str(remote), str(other))
    run_git(other, "commit", "-q", "--allow-empty", "-m", "x")
    run_git(other, "push", "-q")
    outcome = await deploying.do(Action.ROLL_BACK)
    assert not outcome.succeeded
    assert "rejected" in outcome.text
    assert show(remote, "app.txt") == "version 2"


async def test_settings_and_hooks_of_the_workspace_have_no_part_in_a_push(
    deploying: Deploying, remote: Path, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    for name in ("core.sshCommand", "core.fsmonitor", "credential.helper", "filter.x.smudge", "filter.x.clean"):
        deploying.git("config", name, f"touch {trap}")
    deploying.git("config", f"url.{tmp_path}/stolen.git.insteadOf", str(remote))
    run_git(tmp_path, "init", "-q", "--bare", "stolen.git")
    for hook in ("pre-push", "reference-transaction", "post-checkout"):
        path = deploying.root / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {trap}\n")
        path.chmod(0o700)
    deploying.aim("push", url=str(remote), branch="main")
    outcome = await deploying.deploy()
    assert outcome.succeeded, outcome.text
    assert show(remote, "app.txt") == "version 1"
    assert not trap.exists()
    assert run_git(tmp_path / "stolen.git", "for-each-ref") == ""


async def test_own_commands_run_in_order_in_the_workspace_until_one_fails(deploying: Deploying, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    lines = (f"pwd > {tmp_path}/log/a", f"echo no >&2; exit 4 # {tmp_path}", f"touch {tmp_path}/log/never")
    deploying.aim("commands", commands=lines, path=str(tmp_path / "log"), rollback=(f"touch {tmp_path}/log/back",))
    outcome = await deploying.deploy()
    assert not outcome.succeeded
    assert "Deploy (2 of 3): exit status 4: no" in outcome.text
    assert (tmp_path / "log" / "a").read_text().strip() == str(deploying.root)
    assert not (tmp_path / "log" / "never").exists()
    assert (await deploying.do(Action.ROLL_BACK)).succeeded
    assert (tmp_path / "log" / "back").exists()
    assert deploying.states == ["done", "rolled back"]


async def test_without_own_commands_there_is_no_rollback(deploying: Deploying) -> None:
    deploying.aim("commands", commands=("true",))
    await deploying.deploy()
    with pytest.raises(DeploymentUnavailable, match="has no `rollback` commands; add them"):
        await deploying.plan(Action.ROLL_BACK)


async def test_commands_have_no_network_and_no_folder_that_the_target_does_not_name(
    deploying: Deploying, tmp_path: Path
) -> None:
    deploying.aim("commands", commands=(f"touch {tmp_path}/outside",))
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    assert "with the network" not in plan.text
    if plan.isolation is None or not plan.isolation.confines_writes:
        pytest.skip("this system confines no command")
    await deploying.deployer.run(plan)
    assert not (tmp_path / "outside").exists()
    assert plan.isolation.blocks_network


async def test_tests_that_fail_or_are_not_known_keep_a_target_from_being_ready(deploying: Deploying) -> None:
    deploying.aim("commands", commands=("true",), tests=True)
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "No tests are known in" in checked.text
    assert "set `tests = false` for this target" in checked.text


async def test_own_checks_all_run_and_one_that_fails_counts(deploying: Deploying) -> None:
    deploying.aim("commands", commands=("true",), ready=("echo full >&2; false", "true"))
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert [one.passed for one in checked.checks][-2:] == [False, True]
    assert "exit status 1: full" in checked.text
    with pytest.raises(DeploymentUnavailable, match="Check first"):
        await deploying.plan(Action.DEPLOY)


DOCKER = """#!/bin/sh
echo "$PWD: $*" >> {log}
case "$*" in *version*) echo 27.0 ;; *" up "*) test -f app.txt ;; esac
"""


async def test_compose_starts_the_release_and_a_rollback_starts_the_one_before(
    deploying: Deploying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    place = tmp_path / "target"
    place.mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER.format(log=place / "log"))
    (tmp_path / "bin" / "docker").chmod(0o700)
    bin_folder = place / "bin"  # a confined command sees the folder of the target, and not all of `/tmp`
    (tmp_path / "bin").rename(bin_folder)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    deploying.aim("compose", path=str(place), compose_file="compose.yaml")
    for text in ("version 1", "version 2"):
        deploying.commit(text + ".")
        outcome = await deploying.deploy()
        assert outcome.succeeded, outcome.text
    plan = await deploying.plan(Action.ROLL_BACK)
    assert "Docker can change anything on this machine" in plan.text
    assert (await deploying.deployer.run(plan)).succeeded
    assert (place / "current" / "app.txt").read_text() == "version 1."
    started = [line for line in (place / "log").read_text().splitlines() if " up " in line]
    assert len(started) == 3
    assert started[-1].endswith(
        "compose --project-name prod -f compose.yaml up --detach --build --wait --remove-orphans"
    )
