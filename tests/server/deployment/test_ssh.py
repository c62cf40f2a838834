"""Deployments by ssh, to a real server on this machine: releases, secrets, the way back, and what goes wrong."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.deployments import Action
from tests.server.deployment.deploying import list_names
from tests.server.deployment.ssh_server import MISSING, SSHD, serve_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.deployment.deploying import Deploying
    from tests.server.deployment.ssh_server import SshServer

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh"),
    pytest.mark.skipif(SSHD is None, reason=MISSING),
]

SECRET = "hunter2-'hunter2'"


@pytest.fixture(scope="module")
def server() -> Iterator[SshServer]:
    """Yield a server; its files lie outside of `/tmp`, which a confined command has for itself."""
    folder = Path(tempfile.mkdtemp(prefix="st-ssh-", dir="/var/tmp"))
    try:
        with serve_ssh(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the empty folder of the target, as the server sees it."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def aim(deploying: Deploying, server: SshServer, place: Path, **options: Any) -> None:
    """Set the target to the folder on the server."""
    deploying.aim("ssh", **{"host": "prod-host", "path": str(place), "ssh_config": str(server.config), **options})


def write_config_without_known_hosts(server: SshServer) -> Path:
    """Return a configuration of ssh that knows no key of a host."""
    config = server.folder / "other_config"
    config.write_text(server.config.read_text().replace("/known_hosts", "/nothing"))
    return config


async def test_a_commit_is_deployed_and_rolled_back(deploying: Deploying, server: SshServer, place: Path) -> None:
    aim(deploying, server, place, after=("cat app.txt >> ../../started",), status=("cat app.txt",))
    first = await deploying.deploy()
    assert first.succeeded, first.text
    deploying.commit("version 2")
    assert (await deploying.deploy()).succeeded
    assert (place / "current" / "app.txt").read_text() == "version 2"
    status = await deploying.do(Action.STATUS)
    assert "  version 2" in status.text.splitlines()
    back = await deploying.do(Action.ROLL_BACK)
    assert back.succeeded, back.text
    assert (place / "current" / "app.txt").read_text() == "version 1"
    assert (place / "started").read_text() == "version 1version 2version 1"


async def test_secrets_go_through_the_input_of_the_shell_there(
    deploying: Deploying, server: SshServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROD_TOKEN", SECRET)
    looks = 'printf %s "$TOKEN" > ../../token; tr "\\0" " " < /proc/$PPID/cmdline; ps -eo args; echo "$TOKEN"; false'
    aim(deploying, server, place, after=(looks,), env={"TOKEN": "env:PROD_TOKEN"})
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    assert SECRET not in plan.text
    assert "The shell there reads:" in plan.text
    outcome = await deploying.deployer.run(plan)
    assert (place / "token").read_text() == SECRET
    assert "(secret)" in outcome.text
    assert "hunter2" not in outcome.text


async def test_a_key_of_the_host_that_is_not_known_is_refused(
    deploying: Deploying, server: SshServer, place: Path
) -> None:
    aim(deploying, server, place, ssh_config=str(write_config_without_known_hosts(server)))
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "Host key verification failed." in checked.text


async def test_a_host_that_cannot_be_reached_is_found_by_the_check(
    deploying: Deploying, server: SshServer, place: Path
) -> None:
    aim(deploying, server, place, port=1)
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "Connection refused" in checked.text
    assert list_names(place) == []


async def test_a_folder_that_is_missing_there_is_found_by_the_check(
    deploying: Deploying, server: SshServer, place: Path
) -> None:
    aim(deploying, server, place / "missing")
    checked = await deploying.do(Action.CHECK)
    assert not checked.succeeded
    assert "missing" in checked.text


async def test_a_command_that_hangs_there_is_given_up(deploying: Deploying, server: SshServer, place: Path) -> None:
    aim(deploying, server, place)
    await deploying.deploy()
    aim(deploying, server, place, after=("exec sleep 20",), timeout_s=2.0)
    deploying.commit("version 2")
    outcome = await deploying.deploy()
    assert not outcome.succeeded
    assert "was stopped after 2 seconds. What it has started on the other machine may still run." in outcome.text
    assert (await deploying.do(Action.ROLL_BACK)).succeeded is False  # its command hangs, too
    assert (place / "current" / "app.txt").read_text() == "version 1"


async def test_the_question_shows_every_line_that_runs(deploying: Deploying, server: SshServer, place: Path) -> None:
    aim(deploying, server, place, prepare=("make all",), after=("systemctl --user restart app",))
    await deploying.do(Action.CHECK)
    plan = await deploying.plan(Action.DEPLOY)
    for line in ("make all", "systemctl --user restart app", "ln -s releases/", "rm -rf", "archive --format=tar"):
        assert line in plan.text
    assert all(one.strip() in plan.text for line in plan.commands for one in line.splitlines())
    assert plan.isolation is not None
    assert plan.isolation.requested >= {"network", "credentials"}
