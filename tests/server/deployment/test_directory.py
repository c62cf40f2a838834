"""Deployments to a second folder of this machine, with real commands: releases, the switch, and the way back."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.deployments import Action, DeploymentUnavailable
from server.gate.commands.isolation import Unconfined
from tests.server.deployment.deploying import list_names, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.deployment.deploying import Deploying

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")

SECRET = "hunter2-hunter2"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the empty folder of the target."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def read_current(place: Path) -> str:
    """Return the text of the deployed file."""
    return (place / "current" / "app.txt").read_text("utf-8")


def read_bytes(path: Path | None) -> bytes:
    """Return the content of a file."""
    assert path is not None
    return path.read_bytes()


async def test_a_commit_is_deployed_as_a_release_and_the_link_is_switched(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    outcome = await deploying.deploy()
    assert outcome.succeeded, outcome.text
    assert read_current(place) == "version 1"
    assert (place / "current").is_symlink()
    record = deploying.deployer.list_records()[0]
    assert (record.state, record.version, record.previous) == ("done", deploying.git("rev-parse", "HEAD").strip(), "")
    assert list_names(place) == ["current", "releases"]


async def test_a_rollback_switches_to_the_release_before(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), after=("cat app.txt >> ../../started",))
    await deploying.deploy()
    deploying.commit("version 2")
    await deploying.deploy()
    assert read_current(place) == "version 2"
    outcome = await deploying.do(Action.ROLL_BACK)
    assert outcome.succeeded, outcome.text
    assert read_current(place) == "version 1"
    assert (place / "started").read_text() == "version 1version 2version 1"
    assert deploying.states == ["done", "rolled back", "done"]


async def test_there_is_nothing_to_roll_back_to_after_the_first(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    with pytest.raises(DeploymentUnavailable, match="There is no deployment to roll back"):
        await deploying.plan(Action.ROLL_BACK)
    await deploying.deploy()
    with pytest.raises(DeploymentUnavailable, match="Nothing is known to have run at prod before"):
        await deploying.plan(Action.ROLL_BACK)


async def test_a_command_that_fails_after_the_switch_can_be_rolled_back(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), after=("grep -q 'version 1' app.txt",))
    await deploying.deploy()
    deploying.commit("version 2")
    outcome = await deploying.deploy()
    assert not outcome.succeeded
    assert "failed: After the switch (exit status 1)" in outcome.text
    assert read_current(place) == "version 2"
    assert (await deploying.do(Action.ROLL_BACK)).succeeded
    assert read_current(place) == "version 1"


async def test_a_command_that_fails_before_the_switch_leaves_the_old_release(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    await deploying.deploy()
    deploying.commit("version 2")
    deploying.aim("directory", path=str(place), prepare=("echo no compiler >&2; exit 3",))
    outcome = await deploying.deploy()
    assert not outcome.succeeded
    assert "Prepare the release: exit status 3: no compiler" in outcome.text
    assert read_current(place) == "version 1"
    assert deploying.states == ["failed", "done"]


async def test_a_command_that_hangs_is_stopped_at_its_time(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), prepare=("sleep 600",), timeout_s=0.5)
    outcome = await deploying.deploy()
    assert not outcome.succeeded
    assert "Prepare the release: The command was stopped after 0.5 seconds." in outcome.text
    assert not (place / "current").exists()


async def test_the_release_before_is_kept_however_many_deployments_failed_since(
    deploying: Deploying, place: Path
) -> None:
    deploying.aim("directory", path=str(place), keep=2)
    assert (await deploying.deploy()).succeeded
    for number in range(2, 5):
        deploying.commit(f"version {number}")
        deploying.aim("directory", path=str(place), keep=2, prepare=("exit 3",))
        assert not (await deploying.deploy()).succeeded
    deploying.aim("directory", path=str(place), keep=2)
    assert (await deploying.deploy()).succeeded
    assert read_current(place) == "version 4"
    outcome = await deploying.do(Action.ROLL_BACK)
    assert outcome.succeeded, outcome.text
    assert read_current(place) == "version 1"


async def test_only_the_newest_releases_and_the_current_one_are_kept(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), keep=2)
    (place / "releases").mkdir()
    for name in ("20200101T000000Z-abc1234-0001", "20200102T000000Z-abc1234-0001", "notes"):
        (place / "releases" / name).mkdir()
    await deploying.deploy()
    names = set(list_names(place / "releases"))
    current = (place / "current").readlink().name
    assert names >= {current, "notes"}
    assert "20200101T000000Z-abc1234-0001" not in names


@pytest.mark.sqlite
async def test_secrets_reach_the_commands_and_no_text(
    deploying: Deploying, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROD_TOKEN", SECRET)
    line = 'test "${#TOKEN}" = 15; echo "token $TOKEN" | base64; echo "$TOKEN"; exit 1'
    deploying.aim("directory", path=str(place), after=(line,), env={"TOKEN": "env:PROD_TOKEN"})
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    assert "gets the secrets TOKEN" in plan.text
    assert "Secret TOKEN: from the env PROD_TOKEN" in plan.text
    outcome = await deploying.deployer.run(plan)
    assert "(secret)" in outcome.text
    everything = f"{plan}{outcome}{deploying.deployer.list_records()}{read_bytes(deploying.state.path)!r}"
    for form in (SECRET, "aHVudGVyMi1odW50ZXIy", "dW50ZXIyLWh1bnRlcj"):
        assert form not in everything


async def test_a_missing_secret_is_found_by_the_check_and_before_anything_runs(
    deploying: Deploying, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploying.aim("directory", path=str(place), env={"TOKEN": "env:PROD_TOKEN"})
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "The environment variable PROD_TOKEN, the secret TOKEN, is not set." in checked.text
    monkeypatch.setenv("PROD_TOKEN", SECRET)
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    monkeypatch.delenv("PROD_TOKEN")
    with pytest.raises(DeploymentUnavailable, match="PROD_TOKEN"):
        await deploying.deployer.run(plan)
    assert list_names(place) == []
    assert deploying.states == []


async def test_what_is_not_committed_or_on_another_branch_is_not_deployed(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), branch="main")
    (deploying.root / "new.txt").write_text("x")
    deploying.git("switch", "-q", "-c", "other")
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "not committed: new.txt" in checked.text
    assert "other is checked out; switch to main" in checked.text
    with pytest.raises(DeploymentUnavailable, match="is not ready"):
        await deploying.plan(Action.DEPLOY)


async def test_a_check_that_is_cancelled_makes_no_target_ready(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    outcome = await deploying.deployer.run(await deploying.plan(Action.CHECK), cancelled=lambda: True)
    assert not outcome.succeeded
    with pytest.raises(DeploymentUnavailable, match="Check first"):
        await deploying.plan(Action.DEPLOY)


async def test_a_deployment_needs_a_check_of_the_same_commit(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    with pytest.raises(DeploymentUnavailable, match="Check first"):
        await deploying.plan(Action.DEPLOY)
    await deploying.do(Action.CHECK)
    deploying.commit("version 2")
    with pytest.raises(DeploymentUnavailable, match="Check first"):
        await deploying.plan(Action.DEPLOY)


async def test_what_changes_between_the_question_and_the_run_is_not_deployed(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    deploying.commit("version 2")
    with pytest.raises(DeploymentUnavailable, match="has changed since you were asked"):
        await deploying.deployer.run(plan)
    assert list_names(place) == []


async def test_a_plan_runs_once(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    assert (await deploying.deployer.run(plan)).succeeded
    with pytest.raises(DeploymentUnavailable, match="was run already"):
        await deploying.deployer.run(plan)


async def test_a_folder_in_the_workspace_or_of_the_program_and_the_home_folder_are_refused(
    deploying: Deploying, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_note(path: Path) -> str:
        deploying.aim("directory", path=str(path))
        return next(one.note for one in (await deploying.plan(Action.CHECK)).checks if one.title.endswith("be used"))

    (deploying.root / "out").mkdir()
    deploying.own_places = (place / "state",)
    monkeypatch.setenv("HOME", str(place / "home" / "ann"))
    (place / "home" / "ann").mkdir(parents=True)
    assert await find_note(deploying.root / "out") == "it and the workspace lie in each other; choose another folder"
    assert await find_note(place / "home") == "it holds your home folder; choose a folder for this purpose alone"
    assert await find_note(place / "missing") == "there is no such folder; create it"
    (place / "state").mkdir()
    (place / "link").symlink_to(place / "state")
    assert await find_note(place / "link") == "it belongs to Starling; choose another folder"
    (deploying.root / "out").rmdir()
    (deploying.root / "out").symlink_to(place)  # an agent could point it elsewhere
    assert await find_note(deploying.root / "out") == "it and the workspace lie in each other; choose another folder"


async def test_programs_that_settings_of_the_workspace_name_are_not_started_by_looking(
    deploying: Deploying, place: Path
) -> None:
    trap = place / "trap"
    deploying.sign_commit()
    program = place / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o700)
    deploying.git("config", "gpg.program", str(program))
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "core.editor"):
        deploying.git("config", name, f"touch {trap}; true")
    deploying.git("config", "log.showSignature", "true")
    deploying.mechanism = Unconfined()
    deploying.aim("directory", path=str(place))
    assert (await deploying.deploy()).succeeded
    assert not trap.exists()


async def test_a_folder_named_current_that_is_no_release_is_left_alone(deploying: Deploying, place: Path) -> None:
    (place / "current").mkdir()
    (place / "current" / "precious").touch()
    deploying.aim("directory", path=str(place))
    checked = await deploying.do(Action.CHECK)
    assert "current is no link to a release; move it away" in checked.text
    assert (place / "current" / "precious").exists()


async def test_a_rollback_refuses_what_somebody_else_has_switched(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place))
    for text in ("version 2", "version 3"):
        deploying.commit(text)
        await deploying.deploy()
    shutil.copytree(place / "current", place / "releases" / "20990101T000000Z-abc1234-0001")
    (place / "current").unlink()
    (place / "current").symlink_to("releases/20990101T000000Z-abc1234-0001")
    outcome = await deploying.do(Action.ROLL_BACK)
    assert not outcome.succeeded
    assert "current is neither release; look at it first." in outcome.text


async def test_one_deployment_to_a_target_runs_at_a_time(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), after=("while [ ! -e ../../go ]; do sleep 0.05; done",))
    await deploying.do(Action.CHECK)
    first, second = await deploying.plan(Action.DEPLOY), await deploying.plan(Action.DEPLOY)
    running = asyncio.create_task(deploying.deployer.run(first))
    await wait_for(place / "current")
    with pytest.raises(DeploymentUnavailable, match="Another deployment to prod runs"):
        await deploying.deployer.run(second)
    (place / "go").touch()
    assert (await running).succeeded


async def test_a_deployment_that_is_cancelled_is_recorded_as_unfinished(deploying: Deploying, place: Path) -> None:
    deploying.aim("directory", path=str(place), after=("touch ../../begun; sleep 600",))
    await deploying.do(Action.CHECK)
    running = asyncio.create_task(deploying.deployer.run(await deploying.plan(Action.DEPLOY)))
    await wait_for(place / "begun")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert deploying.states == ["unfinished"]


async def test_after_a_kill_the_record_says_unfinished_and_the_next_run_is_safe(
    deploying: Deploying, place: Path
) -> None:
    deploying.aim("directory", path=str(place))
    await deploying.deploy()
    deploying.commit("version 2")
    program = (sys.executable, "-m", "tests.server.deployment.killed_deployment")
    arguments = (str(deploying.root), str(deploying.state.path), str(place))
    running = await asyncio.create_subprocess_exec(*program, *arguments)
    await wait_for(place / "begun")
    assert deploying.states == ["running", "done"]
    running.kill()
    await running.wait()
    assert deploying.states == ["unfinished", "done"]
    assert (await deploying.deploy()).succeeded
    assert read_current(place) == "version 2"
    assert deploying.states == ["done", "unfinished", "done"]
