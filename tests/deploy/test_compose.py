"""The compose file: limits, a read-only root, a health check; what it names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.deploy.deployed import COMPOSE, DEPLOY, PAGE, check_command, read_instructions

if TYPE_CHECKING:
    from pathlib import Path

TEXT = COMPOSE.read_text(encoding="utf-8")
SERVICE: dict[str, Any] = yaml.safe_load(TEXT)["services"]["work"]
VOLUMES = {one["target"]: one for one in SERVICE["volumes"]}


def test_memory_processors_and_processes_are_bounded() -> None:
    assert SERVICE["mem_limit"] == SERVICE["memswap_limit"] == "4g"
    assert 0 < SERVICE["cpus"] <= 4
    assert 0 < SERVICE["pids_limit"] <= 1024
    assert set(SERVICE["logging"]["options"]) == {"max-size", "max-file"}


def test_the_container_has_no_rights_and_a_root_that_cannot_be_written() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICE["security_opt"]
    assert [SERVICE["user"]] == [rest for name, rest in read_instructions() if name == "USER"] == ["10001:10001"]
    assert "privileged" not in SERVICE
    assert not any("docker.sock" in str(one) for one in SERVICE["volumes"])
    assert "ports" not in SERVICE


def test_only_the_state_and_the_repository_of_git_can_be_written() -> None:
    writable = {target for target, one in VOLUMES.items() if not one.get("read_only")}
    assert writable == {"/var/lib/starling", "/workspace/.git"}
    assert VOLUMES["/var/lib/starling"]["type"] == "volume"
    assert VOLUMES["/var/lib/starling"]["source"] in yaml.safe_load(TEXT)["volumes"]
    (home,) = re.findall(r"STARLING_HOME=(\S+)", " ".join(rest for name, rest in read_instructions() if name == "ENV"))
    assert home in VOLUMES


def test_its_commands_are_the_programs() -> None:
    assert check_command(SERVICE["command"]) == "work"
    kind, program, *words = SERVICE["healthcheck"]["test"]
    assert (kind, program, check_command(words)) == ("CMD", "starling", "health")
    assert SERVICE["command"][SERVICE["command"].index("--workspace") + 1] in VOLUMES


def test_the_image_is_built_from_files_that_exist() -> None:
    context = DEPLOY / SERVICE["build"]["context"]
    assert (context / SERVICE["build"]["dockerfile"]).is_file()
    assert (context / "requirements.lock").is_file()


def test_the_page_explains_every_variable() -> None:
    variables = set(re.findall(r"\$\{(\w+)", TEXT))
    assert variables >= {"STARLING_WORKSPACE"}
    assert {name for name in variables if f"`{name}`" not in PAGE} == set()


def find_compose() -> list[str]:
    """Return the command of Compose, [] if there is none here."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is not None:
            asked = subprocess.run([*command, "version"], capture_output=True, text=True, check=False, timeout=60)
            if asked.returncode == 0 and re.search(r"\bv?[2-9]\.\d+", asked.stdout):
                return command
    return []


@pytest.mark.skipif(not find_compose(), reason="Compose 2 is missing (Debian 13's package `docker-compose`)")
@pytest.mark.parametrize("named", [True, False])
def test_compose_takes_the_file_and_asks_for_the_workspace(tmp_path: Path, *, named: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STARLING_")}
    environment |= {"STARLING_WORKSPACE": str(tmp_path)} if named else {}
    command = [*find_compose(), "-f", str(COMPOSE), "config", "--quiet"]
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode == 0) is named, checked.stderr
    assert named or "set it to the path of the repository" in checked.stderr
