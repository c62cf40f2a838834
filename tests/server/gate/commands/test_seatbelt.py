"""The profile for macOS, as text; it is tried on its own system only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.ports.commands import CommandRequest
from server.gate.commands.confinement import Confinement
from server.gate.commands.seatbelt import Seatbelt, find_seatbelt, render_profile

CONFINEMENT = Confinement(
    Path("/w"), (Path("/w"),), True, False, Path("/t"), Path("/e"), Path("/n"), (Path("/h/.ssh"),), (Path("/w/.git"),)
)


def test_the_profile_denies_before_it_allows_and_hides_last() -> None:
    lines = render_profile(CONFINEMENT).splitlines()
    order = [
        "(deny file-write*)",
        '(allow file-write* (subpath "/w") (subpath "/t"))',
        '(deny file-write* (subpath "/w/.git"))',
        '(deny file-read* file-write* (subpath "/h/.ssh"))',
        "(deny network*)",
    ]
    assert [line for line in lines if line in order] == order


def test_a_workspace_that_is_only_read_is_not_writable() -> None:
    assert '(allow file-write* (subpath "/t"))' in render_profile(replace(CONFINEMENT, writes=False))


def test_a_requested_network_is_open_and_said_to_be() -> None:
    assert "network" not in render_profile(replace(CONFINEMENT, network=True))
    assert not Seatbelt().describe(CommandRequest("x", Path("/w"), network=True)).blocks_network


def test_a_path_cannot_end_its_string() -> None:
    profile = render_profile(replace(CONFINEMENT, roots=(Path('/a") (subpath "/b'),)))
    assert '(subpath "/a\\") (subpath \\"/b")' in profile


def test_brackets_are_balanced() -> None:
    profile = render_profile(CONFINEMENT)
    assert profile.count("(") == profile.count(")")


@pytest.mark.skipif(not Path("/usr/bin/sandbox-exec").exists(), reason="only macOS has Seatbelt")
def test_seatbelt_works_on_macos() -> None:
    assert find_seatbelt()[1] == ""
