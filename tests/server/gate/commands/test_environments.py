"""The environment of a command: what programs need, and no secret."""

from __future__ import annotations

import pytest

from server.gate.commands.environments import build_environment


@pytest.mark.parametrize("name", ["PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "Path", "no_proxy"])
def test_programs_get_the_variables_that_they_need(name: str) -> None:
    assert build_environment({name: "x"}, "/tmp")[name] == "x"


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "GH_TOKEN", "LC_TOKEN", "STARLING_HOME", "SSH_AUTH_SOCK", "ANYTHING"],
)
def test_secrets_and_unknown_variables_are_left_out(name: str) -> None:
    assert name not in build_environment({name: "x"}, "/tmp")


def test_a_proxy_with_a_password_is_left_out() -> None:
    ours = {"HTTP_PROXY": "http://me:pw@host:1", "HTTPS_PROXY": "http://host:1"}
    environment = build_environment(ours, "/tmp")
    assert "HTTP_PROXY" not in environment
    assert environment["HTTPS_PROXY"] == "http://host:1"


def test_variables_that_editors_keep_from_the_server_get_their_names_back() -> None:
    assert build_environment({"STARLING_KEPT_PYTHONPATH": "src"}, "/tmp")["PYTHONPATH"] == "src"


def test_temporary_files_go_into_the_commands_own_folder() -> None:
    environment = build_environment({"TMPDIR": "/elsewhere"}, "/own")
    assert {environment[name] for name in ("TMPDIR", "TEMP", "TMP")} == {"/own"}
